# break and continue take a number of loops.
# shell: both
for i in 1 2 3; do
  for j in 1 2 3; do
    [ $j = 2 ] && continue 2
    [ $i = 3 ] && break 2
    echo $i$j
  done
done
for i in 1 2 3 4; do [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done
while :; do while :; do break 2; done; done; echo out
