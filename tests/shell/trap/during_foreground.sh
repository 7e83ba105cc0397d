# A trap waits for the foreground command to end.
# shell: both
trap 'echo trapped' TERM
sh -c "kill -TERM $$; sleep 0.2; echo child ends"
echo after
