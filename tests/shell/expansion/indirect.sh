# Indirect expansion and name references reach other variables.
# shell: bash
a=one; b=a
echo "${!b}"
pre_x=1; pre_y=2
echo "${!pre_@}"
declare -n ref=a
ref=changed
echo "$a ${!ref}"
f() { local -n out=$1; out=$((2*21)); }
f answer; echo "$answer"
set -- x y z
i=2; echo "${!i}"
