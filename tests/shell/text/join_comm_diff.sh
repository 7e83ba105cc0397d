# join, comm and diff compare sorted files.
# shell: both
printf '1 a\n2 b\n3 c\n' >x; printf '1 A\n3 C\n4 D\n' >y
join x y; join -a1 x y; join -v2 x y; join -o 1.2,2.2 x y
cut -d' ' -f1 x >x1
cut -d' ' -f1 y >y1
comm x1 y1
comm -23 x1 y1
comm -3 --output-delimiter=. x1 y1
diff x1 y1; echo $?
diff -u --label a --label b x1 y1
diff -q x1 y1
diff -y -W 20 x1 y1
diff -i x y >/dev/null; echo $?
cmp x y; echo $?; cmp -s x x; echo $?; cmp -l x1 y1
