# Process substitution reads and writes through /dev/fd.
# shell: bash
cat <(echo one) <(echo two)
paste <(seq 3) <(seq 4 6)
while read -r l; do n=$((n+l)); done < <(seq 100); echo $n
echo data | tee >(tr a-z A-Z >upper) >/dev/null; sleep 0.3; cat upper
comm -12 <(printf 'a\nb\nc\n') <(printf 'b\nc\nd\n')
f() { cat "$1"; }; f <(echo in function)
join <(printf '1 a\n2 b\n') <(printf '1 x\n2 y\n')
