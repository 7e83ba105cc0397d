# With set -m jobs have their own groups and fg brings them back.
# shell: bash
set -m
sleep 2 &
[ "$(ps -o pgid= -p $! 2>/dev/null | tr -d ' ')" != "$$" ] && echo own group
fg %1 >/dev/null; echo $?
(exit 4) & wait %1; echo $?
sleep 5 & disown; jobs | wc -l
kill $!
