# gawk has asort, gensub, strftime, match with arrays and true arrays of arrays.
# shell: both
# needs: gawk
gawk 'BEGIN { a[1]="c"; a[2]="a"; a[3]="b"; n = asort(a); for (i=1;i<=n;i++) printf "%s ", a[i]; print "" }'
echo 'hello world' | gawk '{ print gensub(/(\w+) (\w+)/, "\\2 \\1", 1) }'
TZ=UTC gawk 'BEGIN { print strftime("%Y-%m-%d", 86400) }'
gawk 'BEGIN { if (match("key=value", /(\w+)=(\w+)/, m)) print m[1], m[2] }'
gawk 'BEGIN { a[1][2] = 3; print a[1][2], length(a[1]); print toupper(substr("abc",2)); print strtonum("0x1f") }'
gawk 'BEGIN { PROCINFO["sorted_in"] = "@ind_str_asc"; x["b"]; x["a"]; for (k in x) print k }'
printf 'a1b22c' | gawk -v RS='[0-9]+' '{ print $0, RT }'
gawk -f /dev/stdin <<'X'
BEGIN { cmd = "cat"; print "to coprocess" |& cmd; close(cmd, "to"); cmd |& getline l; print l }
X
