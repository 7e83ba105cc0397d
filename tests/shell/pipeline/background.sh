# A pipeline in the background is waited for as one.
# shell: both
seq 5 | { sleep 0.1; wc -l; } &
wait $!; echo $?
(exit 2) | (exit 6) &
wait $!; echo $?
