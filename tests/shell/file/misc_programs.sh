# tee, tsort, yes, true, false, nproc-free odds and ends of coreutils.
# shell: both
echo x | tee a b
cat a b
echo y | tee -a a
cat a
printf 'a b\nb c\n' | tsort
true; echo $?
false; echo $?
sleep 0; echo $?
test 1; echo $?
printf 'a b c' | ptx -A 2>/dev/null | wc -l
date -u -d @0 +%Y-%m-%dT%H:%M:%S
date -u -d '2024-02-29 +1 year' +%F
date -d 'not a date' 2>/dev/null; echo $?
pwd | grep -c /
echo a | cat -A
printf 'a\n\n\nb\n' | cat -sn
printf 'x\ty\001\n' | cat -v -T
nice -n 0 echo nice
stdbuf -o0 echo s 2>/dev/null | wc -l >/dev/null
tty </dev/null
uname -s
[ "$(id -u)" -ge 0 ]; echo $?
sync; echo $?
link a ln1
unlink ln1
[ -e ln1 ]; echo $?
du -b a | cut -f1
dircolors -b /dev/null | head -n 1
timeout 2 true
chown "$(id -u)" a; echo $?
mkfifo pp
[ -p pp ]; echo $?
printenv HOME >/dev/null; echo $?
