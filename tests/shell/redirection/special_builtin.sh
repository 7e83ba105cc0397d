# A redirection error on a special builtin ends a POSIX shell's subshell or not, as the shell does.
# shell: both
(: <nothere; echo after) 2>/dev/null; echo "status $?"
(exec 9<nothere; echo after) 2>/dev/null; echo "status $?"
