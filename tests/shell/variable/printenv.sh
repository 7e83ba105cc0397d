# env, printenv and unset variables.
# shell: both
FOO=bar env | grep ^FOO
FOO=bar printenv FOO; printenv NOPE; echo $?
env -u HOME sh -c 'echo "${HOME-none}"'
env A=1 B=2 sh -c 'echo $A$B'
env -i A=1 /usr/bin/env
env nonesuch_cmd 2>/dev/null; echo $?
env -S 'sh -c "echo split"' 
