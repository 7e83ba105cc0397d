# read -n, -N, -d, -a, -t, -u and -p without a terminal.
# shell: bash
printf 'abcdef' | { read -n 3 x; read y; echo "$x|$y"; }
printf 'a\nb' | { read -N 3 x; printf '%q\n' "$x"; }
printf 'one,two,' | { read -d , x; read -d , y; echo "$x $y"; }
read -a arr <<< "x y z"; echo "${#arr[@]} ${arr[2]}"
exec 5<<< "from five"; read -u 5 l; echo "$l"; exec 5<&-
read -t 0.1 x < <(sleep 2); echo $(( $? > 128 ))
read -t 5 x <<< "in time"; echo "$? $x"
while IFS=, read -r a b; do echo "$b-$a"; done <<< $'1,2\n3,4'
read -d '' all <<< $'multi\nline'; echo "$? $all"
read <<< "  reply "; echo "<$REPLY>"
