# Each part of a pipeline runs in a subshell.
# shell: both
x=before
echo data | { read -r x; echo "inside $x"; }
echo "after $x"
cd / | true; [ "$PWD" != / ] && echo same directory
exit 3 | true; echo "not left $?"
