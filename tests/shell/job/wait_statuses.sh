# wait returns the status of the process asked for.
# shell: both
(exit 3) & a=$!
(exit 4) & b=$!
wait $a; echo $?
wait $b; echo $?
wait $b; [ $? -ne 0 ]; echo $?
sleep 0.1 & sleep 0.2 & wait; echo $?
wait 999999 2>/dev/null; echo $?
sh -c 'exit 5' & wait $!; echo $?
