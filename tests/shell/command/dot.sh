# . runs a file in this shell, with its return status.
# shell: both
printf 'v=sourced\necho "args $#"\nreturn 7\necho no\n' >lib
. ./lib; echo "$? $v"
(. ./missing; echo unreached) 2>/dev/null; echo $?
f() { . ./lib; echo "in f $?"; }
f a b
echo 'echo nested; . ./lib' >outer; . ./outer
