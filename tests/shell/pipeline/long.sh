# Twelve stages pass the data on.
# shell: both
seq 1 50 | cat | grep -v 7 | sed 's/^/n/' | tr n m | sort | uniq | head -n 20 | tail -n 5 | cut -c2- | sort -n | paste -sd, | tr , ' '
