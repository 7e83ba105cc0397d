# Single, double and backslash quoting keep what they should.
# shell: both
v=val
echo 'single $v `no` \n' "double $v \$v \\ \" \`" back\ slash\\ \$v
echo "a'b" 'a"b' a\'b a\"b
echo "line one
line two"
echo one\
two
echo "in\
side"
printf '%s\n' "" '' x""y
echo '*' "*" \*
