# Exit statuses: not found, not executable, truncated, signals.
# shell: both
no_such_command_here 2>/dev/null; echo $?
./nofile 2>/dev/null; echo $?
echo 'echo hi' >noexec; ./noexec 2>/dev/null; echo $?
chmod +x noexec; ./noexec; echo $?
./ 2>/dev/null; echo $?
sh -c 'exit 256'; echo $?
sh -c 'exit 257'; echo $?
{ sh -c 'kill -9 $$'; echo $?; } 2>/dev/null
{ sh -c 'kill -TERM $$'; echo $?; } 2>/dev/null
sh -c 'nope_nope' 2>/dev/null; echo $?
sh ./not-there.sh 2>/dev/null; echo $?
