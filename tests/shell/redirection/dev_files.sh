# /dev/null, /dev/zero, /dev/full, /dev/stdin and /dev/fd behave.
# shell: both
echo gone >/dev/null; wc -c </dev/null
head -c 5 /dev/zero | od -An -tx1
echo x 2>/dev/null >/dev/full; echo "full $?"
echo via stdin | cat /dev/stdin
echo via fd | cat /dev/fd/0
echo to stdout >/dev/stdout
head -c 32 /dev/urandom | wc -c
cmp <<X /dev/fd/3 - 3<<X
same
X
same
X
echo $?
