# dd, truncate and sparse files.
# shell: both
printf 'abcdefghij' >f; dd if=f bs=2 skip=1 count=2 2>/dev/null; echo; dd if=f of=g bs=3 2>s; cat s | head -n 2; printf XY | dd of=f bs=1 seek=4 conv=notrunc 2>/dev/null; cat f; echo
truncate -s 5 f; cat f; echo; truncate -s 100 f; wc -c <f; truncate -s +10 f; wc -c <f; dd if=/dev/zero bs=1k count=64 2>/dev/null | wc -c; dd if=f conv=ucase count=1 bs=3 2>/dev/null; echo
truncate -s 1G sparse; stat -c %s sparse; dd if=sparse bs=1 skip=1073741823 2>/dev/null | wc -c; fallocate -l 10 fa 2>/dev/null; :
