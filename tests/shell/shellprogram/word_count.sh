# A whole program: count words of a text by pipes.
# shell: both
cat >text <<'T'
the quick brown fox jumps over the lazy dog
the dog barks and the fox runs away
T
tr -s ' ' '\n' <text | sort | uniq -c | sort -k1,1nr -k2 | head -n 4 | sed 's/^ *//'
