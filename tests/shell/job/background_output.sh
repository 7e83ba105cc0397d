# Background jobs write to the same output and lose standard input.
# shell: both
{ sleep 0.1; echo second; } &
echo first
wait
cat & wait; echo "cat $?"
echo data | { cat & wait; }
for i in 1 2 3; do { sleep 0.$i; echo $i; } & done; wait
echo end
