# A whole program: a script writes, runs and removes a script.
# shell: both
cat >gen.sh <<'OUT'
#!/bin/sh
cat <<IN
generated with $1
$(echo nested | tr a-z A-Z)
IN
exit ${2:-0}
OUT
chmod +x gen.sh; ./gen.sh arg 6; echo $?; sh gen.sh other; rm gen.sh; ls | wc -l
