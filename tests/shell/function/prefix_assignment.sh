# An assignment before a command lasts for the command.
# shell: both
v=old
v=new sh -c 'echo $v'
echo "$v"
v=tmp eval 'echo $v'
f() { echo "in f: $v"; }
v=for_f f
IFS=: read -r a b <<X
one:two:three
X
echo "$a|$b"
a=1 b=2 env | grep '^[ab]=' | sort
