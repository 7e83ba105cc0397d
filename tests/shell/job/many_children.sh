# Fifty background children are all collected.
# shell: both
i=0
while [ $i -lt 50 ]; do (exit $i) & i=$((i+1)); done
wait; echo $?
i=0; list=
while [ $i -lt 20 ]; do (exit $i) & list="$list $!"; i=$((i+1)); done
for p in $list; do wait $p; printf '%s ' $?; done; echo
