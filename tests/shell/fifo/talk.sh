# Named pipes connect processes.
# shell: both
mkfifo p q
cat p & echo through >p; wait
(while read -r l; do echo "answer $l"; done <p >q) &
exec 3>p 4<q
echo one >&3; read -r r <&4; echo "$r"
echo two >&3; read -r r <&4; echo "$r"
exec 3>&- 4<&-
wait; echo $?
stat -c '%F' p
