# nohup runs a command that ignores SIGHUP.
# shell: both
nohup sleep 1; echo $?
nohup sh -c 'kill -HUP $$; echo alive' </dev/null 2>/dev/null; echo $?
nohup nonesuch_cmd 2>/dev/null; echo $?
