# Exported variables reach children, others do not.
# shell: both
a=plain; export b=exported; c=later; export c
sh -c 'echo "${a-none} ${b-none} ${c-none}"'
unset b; sh -c 'echo "${b-none}"'
readonly r=fixed
(r=other) 2>/dev/null; echo "status $?"
echo "$r"
env -i X=1 sh -c 'echo "$X ${c-none}"'
export -p | grep -c 'c='
