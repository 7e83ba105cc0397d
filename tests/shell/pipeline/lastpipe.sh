# With lastpipe the last part runs in this shell.
# shell: bash
shopt -s lastpipe
echo data | read -r x
echo "$x"
seq 3 | mapfile -t arr
echo "${arr[*]} ${#arr[@]}"
