# eval parses its arguments again.
# shell: both
x='echo "a  b"'
eval $x
eval "$x"
y='$z'; z=deep
eval echo $y
eval "v=\$z"; echo "$v"
eval 'for i in 1 2; do
echo "i=$i"
done'
eval ''; echo "empty $?"
eval false; echo "false $?"
