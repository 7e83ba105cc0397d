# Redirections on compound commands cover all of them.
# shell: both
{ echo a; echo b; } >g
for i in 3 1 2; do echo $i; done | sort >s
while read -r l; do echo "<$l>"; done <s
if true; then echo cond; fi >>g
(echo sub; echo err >&2) >>g 2>&1
case x in x) echo case;; esac >>g
cat g
f() { echo "in $1"; } >fout
f 1; cat fout
f 2; cat fout
