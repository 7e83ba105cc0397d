# kill takes names and numbers and lists them.
# shell: both
kill -l 9; kill -l 15; kill -l 130
{ sleep 10 & kill -9 $!; wait $!; echo $?; } 2>/dev/null
{ sleep 10 & kill -s TERM $!; wait $!; echo $?; } 2>/dev/null
{ sleep 10 & kill -HUP $!; wait $!; echo $?; } 2>/dev/null
kill -0 $$; echo $?
kill -0 999999 2>/dev/null; echo $?
kill 2>/dev/null; echo $?
