# bash substrings, replacements and case changes.
# shell: bash
v='hello world'
echo "${v:0:5}|${v:6}|${v: -5}|${v: -5:2}|${v:2:-2}"
echo "${v/o/0}|${v//o/0}|${v/#hello/bye}|${v/%world/there}|${v//l}"
echo "${v^}|${v^^}|${v^^[lo]}|${v@U}|${v@u}"
w=SHOUT
echo "${w,}|${w,,}|${w@L}"
set -- a b c d e
echo "${@:2:3}|${*:4}|${@: -1}"
echo "${v@Q}"
n=$'a\'b\n'
echo "${n@Q}"
p='a.b.c'
echo "${p//./\/}"
