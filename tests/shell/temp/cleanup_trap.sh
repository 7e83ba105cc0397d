# A script removes its temporary directory by a trap.
# shell: both
sh -c 'd=$(mktemp -d ./t.XXXXXX); trap "rm -rf \"$d\"" EXIT; touch "$d/x"; ls t.* | wc -l; exit 4'; echo $?
ls | wc -l
