# sort handles a hundred thousand lines with little memory.
# shell: both
seq 100000 | sort -R --random-source=/dev/zero 2>/dev/null | sort -n | sha256sum
seq 100000 -1 1 | sort -S 1M -n | head -n 2
seq 50000 | sort -r | tail -n 1
