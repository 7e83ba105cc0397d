# Suffix and prefix patterns are cut shortest and longest.
# shell: both
p=/usr/local/lib/libfoo.so.1.2
echo "${p%.*}" "${p%%.*}" "${p#*/}" "${p##*/}"
echo "${p#/usr}" "${p%nomatch}" "${p%/*}/new"
f='a*b*c'
echo "${f%\**}" "${f%%\**}" "${f#*'*'}"
star='*'
echo "${f#a$star}" "${f#a"$star"}"
echo "${#p} ${#f} ${#nothing}"
