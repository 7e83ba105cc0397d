# dash has no arrays, no [[, no {a,b}.
# shell: dash
echo {a,b}
[[ a = a ]] 2>/dev/null; echo $?
(eval 'a=(1 2)') 2>/dev/null; echo $?
echo $'x'
type cd; type cat | sed 's|/usr||'; type nonesuch; echo $?
sh -c 'echo $((08))' 2>/dev/null; echo $?
