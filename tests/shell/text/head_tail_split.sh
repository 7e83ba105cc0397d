# head, tail, split and csplit cut files.
# shell: both
seq 20 >f
head -n 2 f
head -n -18 f
head -c 5 f
tail -n 2 f
tail -n +19 f
tail -c 3 f
head -q -n1 f f
head -n1 f f
split -l 8 f p.; wc -l p.*; cat p.* | cmp - f; echo $?
split -b 20 -d f n.; ls n.*; split -n l/3 f c.; wc -l c.* | tail -n 1
csplit -s f /10/ /15/; wc -l xx*
