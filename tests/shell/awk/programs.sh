# awk sums, splits, formats and keeps arrays.
# shell: both
printf 'a 1\nb 2\na 3\n' | awk '{ s[$1] += $2 } END { for (k in s) print k, s[k] }' | sort
printf 'x:y:z\n' | awk -F: '{ print NF, $2; $2 = "new"; print }'
seq 10 | awk 'NR % 3 == 0; END { print NR }'
awk 'BEGIN { printf "%5.2f|%-5s|%03d|%x\n", 3.14159, "ab", 7, 255 }'
awk 'BEGIN { n = split("a,b,c", p, ","); print n, p[3]; print substr("hello", 2, 3), index("hello", "l"), length("abc"), toupper("up") }'
echo 'foo bar' | awk '{ gsub(/o/, "0"); sub(/bar/, "[&]"); print }'
awk 'function f(n) { return n < 2 ? n : f(n-1) + f(n-2) } BEGIN { print f(15) }'
awk -v v=from_shell 'BEGIN { print v; exit 3 }'; echo $?
printf '1\n2\n' | awk '{ print | "sort -r" }'
awk 'BEGIN { "echo sub" | getline x; print x; while ((getline l < "/dev/null") > 0); print "end" }'
printf 'a b\n\nc d\ne f\n' | awk 'BEGIN { RS = "" } { print NR ": " $1 " " NF }'
awk 'BEGIN { print 1e6, 0.1 + 0.2, 2^10, 7 % 3, -7 / 2, 1 == 1.0, "a" < "b" }'
awk 'BEGIN { print length(ARGV), ARGV[1] }' x y 2>/dev/null
