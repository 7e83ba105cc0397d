# ls sorts and marks files.
# shell: both
mkdir d
touch -d @100 b
touch -d @300 a
touch -d @200 .h
ln -s a l
mkfifo p
echo 12345 >c
touch -d @50 c d
chmod +x c
ls
ls -1
ls -A
ls -F
ls -t a b c
ls -S a c
ls -r
ls -d d
ls -p
ls -m
ls d
ls none 2>/dev/null; echo $?
ls -l a c | sed 's/ [^ ]* [^ ]* / U G /' ; ls -R; ls -Q a; ls -x; ls --group-directories-first
