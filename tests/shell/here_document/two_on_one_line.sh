# Two here-documents feed two descriptors of one command.
# shell: both
{ cat; cat <&3; } <<A 3<<B
on stdin
A
on three
B
while read -r a; do read -r b <&4; echo "$a-$b"; done <<L 4<<R
l1
l2
L
r1
r2
R
