# set -x shows commands on standard error.
# shell: both
{ set -x; echo a "b c" $((1+1)); v=x; set +x; } 2>trace
cat trace | sed 's/^+*/+/'
PS4='> '; { set -x; : hi; set +x; } 2>&1
