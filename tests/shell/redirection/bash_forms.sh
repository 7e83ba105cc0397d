# bash's &>, >&, &>> and {fd} redirections.
# shell: bash
f() { echo out; echo err >&2; }
f &>a; cat a
f >&b; cat b
f &>>a; wc -l <a
f |& sort
exec {fd}>named; echo hello >&$fd; exec {fd}>&-; cat named
[ "$fd" -ge 10 ] && echo fd is high
exec 3<<<"moved"; exec 4<&3-; cat <&4; (cat <&3) 2>/dev/null || echo three closed
