# A whole process group is killed by its negative number.
# shell: bash
set -m
exec 2>/dev/null
mkfifo alive
sh -c 'sleep 20 & echo ready; sleep 20' >alive & p=$!
exec 3<alive
read -r word <&3; echo "$word"
kill -TERM -- -$p
cat <&3; echo "none is left"
wait $p; echo $?
