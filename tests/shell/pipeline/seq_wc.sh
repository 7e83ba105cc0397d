# Two hundred thousand lines go through a pipe.
# shell: both
seq 1 200000 | wc -l
seq 1 200000 | tail -n 1
seq 1 20000 | sha256sum
