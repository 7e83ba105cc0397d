# -n reads without running; -f stops globbing; -a exports.
# shell: both
sh -nc 'echo no'; echo $?
sh -nc 'if' 2>/dev/null; echo $?
touch f1 f2
set -f; echo f*; set +f; echo f*
set -a; auto=yes; set +a; sh -c 'echo $auto'
sh -c 'echo "$0 $1"' name arg
echo 'echo from stdin $1' | sh -s argument
echo 'echo plain stdin' | sh
printf 'exit 5\n' | sh; echo $?
