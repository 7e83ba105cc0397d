# A whole program: totals of a table with awk, join and printf.
# shell: both
printf '1,ann\n2,bob\n3,cy\n' >users; printf '1,10\n2,5\n1,7\n3,1\n' >orders
sort -t, -k1,1 orders | awk -F, '{ t[$1] += $2; c[$1]++ } END { for (u in t) print u "," t[u] "," c[u] }' | sort -t, -k1,1 >totals
join -t, users totals | while IFS=, read -r id name total n; do printf '%-5s %6.2f %2d\n' "$name" "$total" "$n"; done
