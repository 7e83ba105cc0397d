# SIGSTOP holds a process and SIGCONT lets it go on.
# shell: both
: >out
( sleep 0.3; echo late ) >>out & p=$!
kill -STOP $p; sleep 0.6; wc -c <out
kill -CONT $p; wait $p; echo $?; cat out
sleep 10 & p=$!
kill -STOP $p; kill -KILL $p; { wait $p; } 2>/dev/null; echo $?
