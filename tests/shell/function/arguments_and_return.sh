# Functions take arguments, return statuses and see the caller's variables.
# shell: both
f() { echo "f $# $1"; set -- changed; echo "$1"; return 5; }
set -- outer
f a b; echo "$? $1"
g() { v=set_in_g; }
g; echo "$v"
h() { false; }
h; echo $?
h() { true; return; }
h; echo $?
k() { return 300; }
k; echo $? 
f2() (
  cd /; v=subshell
)
f2; echo "$v"
unset -f h; (h) 2>/dev/null; echo $?
