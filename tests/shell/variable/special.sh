# IFS, PPID, OPTIND and friends have their first values.
# shell: both
printf '%s' "$IFS" | od -An -c
echo "$OPTIND"
[ "$PPID" -ge 0 ] && echo ppid
[ "$PWD" = "$(pwd)" ] && echo pwd
echo "${#}"
