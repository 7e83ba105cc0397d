# Starts /bin/true 200 times and waits for each; `true` alone would be the shell's own.
i=0
while [ $i -lt 200 ]; do
  /bin/true
  i=$((i + 1))
done
echo $i
