# A subshell changes nothing outside.
# shell: both
x=1; cd /
(x=2; cd /dev; set -- a; exit 4); echo "$? $x $PWD $#"
{ x=3; }; echo $x
(trap 'echo bye' EXIT; echo in); echo out
(exit 3); echo $?
(umask 077; umask); umask
( (exit 2); echo $?; exit 6 ); echo $?
