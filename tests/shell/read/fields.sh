# read splits into variables and keeps the rest.
# shell: both
printf 'one two  three four \n' | { read -r a b c; echo "<$a><$b><$c>"; }
printf '  padded  \n' | { read -r a; echo "<$a>"; }
printf '  padded  \n' | { IFS= read -r a; echo "<$a>"; }
printf 'a:b::c:\n' | { IFS=: read -r a b c d; echo "<$a><$b><$c><$d>"; }
printf 'back\\slash\\\nnext\n' | { read a; echo "<$a>"; }
printf 'back\\slash\n' | { read -r a; echo "<$a>"; }
printf 'no newline' | { read -r a; echo "$? <$a>"; }
read -r a </dev/null; echo "$? <$a>"
printf 'l1\nl2\nl3\n' | { read -r a; cat; }
