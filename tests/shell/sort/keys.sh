# sort orders by keys, numbers, versions and uniqueness.
# shell: both
printf 'b 2\na 10\nc 1\na 9\n' >f
sort f; sort -k2n f; sort -k1,1 -k2,2nr f; sort -r f; sort -u -k1,1 f
printf '1.10\n1.9\n1.2\n' | sort -V
printf '10\n9\n2\n' | sort; printf '10K\n1M\n500\n' | sort -h
printf 'a:3\nb:1\n' | sort -t: -k2; printf 'B\na\nC\n' | sort -f
sort -c f 2>/dev/null; echo $?; sort f | sort -c; echo $?
printf 'x\0a\0' | sort -z | tr '\0' ' '; echo
sort -m f f | wc -l; sort -o f f; head -n1 f; printf 'Jan\nMar\nFeb\n' | sort -M
