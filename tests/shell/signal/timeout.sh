# timeout ends a command and tells by its status.
# shell: both
exec 2>/dev/null
timeout 1 sleep 5; echo $?
timeout 5 true; echo $?
timeout 5 sh -c 'exit 7'; echo $?
timeout -s KILL 0.2 sleep 5 2>/dev/null; echo $?
timeout -k 0.2 0.2 sh -c 'trap "" TERM; while :; do sleep 0.1; done' 2>/dev/null; echo $?
timeout --preserve-status 0.2 sleep 5; echo $?
timeout 1 nonesuch_cmd 2>/dev/null; echo $?
