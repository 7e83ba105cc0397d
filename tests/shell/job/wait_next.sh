# wait -n returns the first that ends, wait -p names it.
# shell: bash
sh -c 'sleep 0.5; exit 5' & slow=$!
sh -c 'exit 3' & fast=$!
wait -n; echo $?
wait -n -p who; echo "$? $([ "$who" = "$slow" ] && echo slow)"
wait -n; echo $?
jobs
sleep 5 & jobs -p | wc -l; kill %1; wait %1 2>/dev/null; echo $?
