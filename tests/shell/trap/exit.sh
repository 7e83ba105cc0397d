# The EXIT trap runs once, on every way out, and sees the status.
# shell: both
sh -c 'trap "echo bye" EXIT; echo hi'
sh -c 'trap "echo bye \$?" EXIT; exit 3'; echo $?
sh -c 'trap "echo bye; exit 9" 0; exit 3'; echo $?
sh -c 'trap "echo bye" EXIT; set -e; false; echo no'; echo $?
sh -c 'trap "echo one" EXIT; trap "echo two" EXIT'
sh -c 'trap "echo one" EXIT; trap - EXIT'; echo none
sh -c 'trap "echo in parent" EXIT; (echo sub); echo end'
f() { trap 'echo trap from f' EXIT; }
(f; echo after f)
