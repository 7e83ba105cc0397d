# test compares strings and numbers and combines conditions.
# shell: both
t() { if "$@"; then echo "yes: $*"; else echo "no $?: $*"; fi; }
t [ abc = abc ]; t [ abc != abc ]; t [ -z '' ]; t [ -n '' ]; t [ x ]; t [ ]
t [ 1 -eq 01 ]; t [ 2 -gt 10 ]; t [ 2 -lt 10 ]; t [ 3 -le 3 ]; t [ 3 -ge 4 ]; t [ -1 -ne 1 ]
t [ ! x ]; t [ a -a b ]; t [ '' -o b ]; t [ ! '' -a x ]; t [ '(' x ')' ]
[ abc -eq 1 ] 2>/dev/null; echo $?
[ x 2>/dev/null; echo $?
test -n; echo $?
