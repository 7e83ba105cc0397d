# sed substitutes, deletes, prints, joins and branches.
# shell: both
seq 5 | sed -n '2,4p'
seq 5 | sed '2d;$d'
echo 'hello world' | sed 's/o/0/2; s/\(h\)\(e\)/\2\1/; s/l/[&]/g'
seq 6 | sed 'N;s/\n/-/'
seq 3 | sed -e '1i before' -e '2a after' -e '3c changed'
seq 5 | sed ':a;N;$!ba;s/\n/,/g'
printf 'a b\n' | sed -E 's/(\w+) (\w+)/\2 \1/'
echo abc | sed 'y/abc/xyz/'
seq 10 | sed -n '0~3p'
seq 3 | sed '1!G;h;$!d'
printf 'x=1\ny=2\n' >f; sed -i.bak 's/=/: /' f; cat f f.bak
sed --posix 's/a/b/' /dev/null; echo q | sed 's/q/\U&\E!/'
echo a | sed 's/(/' 2>/dev/null; echo $?
