# xargs builds command lines.
# shell: both
seq 5 | xargs
seq 5 | xargs -n2
printf 'a b\nc\n' | xargs -I{} echo '<{}>'
seq 3 | xargs -n1 sh -c 'echo "arg $0"'
printf 'x y\0z\0' | xargs -0 -n1 echo
echo | xargs echo run
echo | xargs -r echo no
seq 4 | xargs -P2 -n1 echo | sort
seq 3 | xargs -t echo 2>&1
printf '1\n' | xargs sh -c 'exit 1'; echo $?
printf '1\n' | xargs sh -c 'exit 255' 2>/dev/null; echo $?
echo a | xargs nonesuch_cmd 2>/dev/null; echo $?
echo "'quoted arg' second" | xargs -n1
seq 5000 | xargs | wc -w
seq 2 | xargs -L1 echo line
echo a,b | xargs -d,
find / -maxdepth 1 -name dev | xargs ls -d
