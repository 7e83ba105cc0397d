# local makes variables of the function.
# shell: both
x=global
f() { local x=mine y; y=also; echo "$x $y"; g; }
g() { echo "g sees $x"; x=changed; }
f; echo "$x ${y-unset}"
