# printf -v, %q and %(fmt)T.
# shell: bash
printf -v x '%03d' 7; echo "$x"
printf '%q\n' 'a b' "it's" '' $'\n' '$x'
printf '%(%Y-%m-%d %H:%M:%S)T\n' 0
printf '%s\n' "${arr[@]}"
printf '%5.1f|%-8s|\n' 3.14159 left
LC_ALL=C.UTF-8
printf '\u00e9\n' | od -An -tx1
