# exec replaces the shell.
# shell: both
(exec echo replaced; echo no)
(exec sh -c 'exit 12'); echo $?
(exec nonesuch_cmd; echo no) 2>/dev/null; echo $?
sh -c 'trap "echo never" EXIT; exec true'; echo $?
x=$(exec echo in substitution); echo "$x"
