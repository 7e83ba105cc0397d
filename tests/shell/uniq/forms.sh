# uniq counts, shows repeated and unique lines.
# shell: both
printf 'a\na\nb\nc\nc\nc\n' >f
uniq f; uniq -c f; uniq -d f; uniq -u f; uniq -D f | wc -l
printf 'A\na\nb\n' | uniq -i; printf 'x 1\ny 1\nz 2\n' | uniq -f1; printf 'abX\nabY\n' | uniq -w2
