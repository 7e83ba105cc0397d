# diff and patch carry changes, forwards and back.
# shell: both
# needs: patch
seq 10 >a
sed 's/5/five/;$a eleven' a >b
diff -u a b >p
cp a w
patch w <p
cmp w b; echo $?
patch -R w p
cmp w a; echo $?
mkdir -p o n
seq 3 >o/x
seq 4 >n/x
echo new >n/y
diff -ruN o n >q
(cd o && patch -p1 <../q)
diff -r o n; echo $?
patch --dry-run w <p
echo garbage | patch w 2>/dev/null; echo $?
sed 's/5/other/' a >c
patch c <p; echo $?
ls c.rej
