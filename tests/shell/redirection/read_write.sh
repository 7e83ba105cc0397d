# <> opens for reading and writing without truncation.
# shell: both
printf 'abcdef\n' >f
exec 3<>f
read -r l <&3; echo "$l"
echo more >&3
exec 3>&-
cat f
printf XY 1<>f
cat f
