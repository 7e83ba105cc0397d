# A thousand command substitutions run in a loop.
# shell: bash
sum=0
for ((i=0;i<1000;i++)); do x=$(echo $i); ((sum+=x)); done
echo $sum
