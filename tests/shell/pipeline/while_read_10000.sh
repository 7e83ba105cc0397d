# A while-read loop takes ten thousand lines from a pipeline.
# shell: both
n=0
seq 1 10000 | { while read -r l; do n=$((n+l)); done; echo "$n"; }
seq 1 10000 | while read -r a; do [ $((a % 2500)) -eq 0 ] && echo "$a"; done
echo "$n"
