# SIGPIPE ends writers, or EPIPE reaches those who ignore it.
# shell: both
{ sh -c 'yes; echo "$?" >&2' 2>s | head -n 1; }; 
(trap '' PIPE; yes 2>/dev/null; echo "yes $?" >st) | head -n 1; sleep 0.1; cat st
sh -c 'trap "" PIPE; sh -c "echo x" 2>/dev/null; sleep 0.2; echo y 2>/dev/null; echo "status $?" >st2' | :
sleep 0.4
cat st2
