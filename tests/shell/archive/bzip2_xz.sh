# bzip2 and xz compress and restore.
# shell: both
# needs: bzip2 xz
seq 2000 >f
bzip2 -k f
bzip2 -dc f.bz2 | cmp - f; echo $?
xz -k f
xz -dc f.xz | cmp - f; echo $?
ls f*
bzip2 -t f.bz2; echo $?
xz -t f.xz; echo $?
echo junk | bzip2 -d 2>/dev/null >/dev/null; echo $?
echo junk | xz -d 2>/dev/null; echo $?
seq 9 | xz -6 | xz -d | paste -sd' '
seq 9 | bzip2 | bunzip2 | wc -l
tar cjf t.tbz f
tar tjf t.tbz
tar cJf t.txz f
tar tJf t.txz
xz --format=lzma -k -c f | xz -d | wc -l
