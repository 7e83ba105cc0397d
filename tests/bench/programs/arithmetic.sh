# The interpreter of the shell alone: no calls at all.
i=0
n=0
while [ $i -lt 200000 ]; do
  n=$(((n * 7 + i) % 1000003))
  i=$((i + 1))
done
echo $n
