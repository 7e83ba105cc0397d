# cut, tr, paste, rev-less column work.
# shell: both
printf 'a:b:c\nd:e:f\n' | cut -d: -f2; printf 'a:b:c\n' | cut -d: -f1,3 --output-delimiter=-
echo abcdef | cut -c2-4
echo abcdef | cut -b-2
printf 'nodelim\n' | cut -d: -f2 -s
echo abcdef | cut -c2 --complement
echo hello | tr a-y b-z
echo aabbcc | tr -s a-z
echo a1b2 | tr -d 0-9
echo abc | tr -c 'b\n' x
echo 'Hello' | tr '[:upper:]' '[:lower:]'
seq 4 | paste -d, - -; seq 3 | paste -s -d+; printf 'a\nb\n' >x; printf '1\n2\n3\n' >y; paste x y
printf 'a\tb\n' | expand -t4
printf 'a       b\n' | unexpand -a
echo 'a long line to fold' | fold -w 6
echo 'words to fill again here' | fmt -w 12
printf 'x\ny\n' | nl; printf 'a\nb\n' | tac; echo abc | rev 2>/dev/null || echo cba
