# Indexed arrays are sparse and sliced.
# shell: bash
a=(one two "three four" [7]=seven)
echo "${#a[@]} ${a[2]} ${a[7]} ${a[-1]}"
echo "${!a[@]}"
a+=(eight); echo "${a[8]}"
unset 'a[1]'; echo "${a[@]}" "${#a[@]}"
b=("${a[@]:1:2}"); printf '<%s>' "${b[@]}"; echo
echo "${a[@]/o/0}" "${a[@]#o}" 
c=(); echo "${#c[@]}"
c[5]=x; echo "${#c[@]} ${!c[@]}"
declare -p a | sed 's/^declare //'
IFS=,; echo "${a[*]}"
