# for (( )) and loops over arrays.
# shell: bash
for ((i=0, j=10; i<j; i+=3, j--)); do echo $i $j; done
for ((;;)); do ((++n > 3)) && break; done; echo $n
a=(x 'y z'); for e in "${a[@]}" ; do echo "<$e>"; done
for k in "${!a[@]}"; do echo $k; done
