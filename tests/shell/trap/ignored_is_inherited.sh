# Ignored signals stay ignored in children, caught ones are reset.
# shell: both
trap '' TERM; trap 'echo caught' USR1
sh -c 'kill -TERM $$; echo survived'
{ sh -c 'kill -USR1 $$; echo not reached'; echo $?; } 2>/dev/null
sh -c 'trap "echo cannot" TERM; kill -TERM $$; echo still'
