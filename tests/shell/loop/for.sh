# for loops over words, arguments and nothing.
# shell: both
for i in a "b c" d; do echo "$i"; done
set -- x y
for i; do echo "$i"; done
for i in; do echo never; done
for i in $(seq 3); do for j in 1 2; do echo "$i$j"; done; done | tr '\n' ' '; echo
echo "$i"
