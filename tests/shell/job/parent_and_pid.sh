# $! and PPID name processes truly.
# shell: both
sh -c 'echo $PPID' >pp; [ "$(cat pp)" = $$ ]; echo $?
sleep 0.1 & [ -n "$!" ]; echo $?
(sh -c 'echo $$' >child) ; [ "$(cat child)" != $$ ]; echo $?
sh -c 'echo $$; exec sh -c "echo \$\$"' | uniq | wc -l
