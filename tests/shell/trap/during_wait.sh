# A trapped signal interrupts wait.
# shell: both
trap 'echo caught' USR1
sh -c "sleep 0.2; kill -USR1 $$" &
exec 2>/dev/null
sleep 5 & slow=$!
wait $slow; s=$?; [ $s -gt 128 ] && echo "interrupted"
kill $slow 2>/dev/null
wait $slow; echo "$?"
