# A command substitution is a pipe, a fork, a read, an exit and a wait.
n=0
for ((i = 0; i < 1000; i++)); do
  x=$(echo $i)
  n=$((n + x))
done
echo $n
