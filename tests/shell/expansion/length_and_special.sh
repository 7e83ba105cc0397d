# The special parameters $#, $?, $0-based names and $- behave.
# shell: both
set -- one two three
echo "$# ${#1} ${#}"
false; echo $?
true; echo $?
(exit 3); echo $?
case $- in *e*) echo has e;; *) echo no e;; esac
set -e
case $- in *e*) echo has e;; *) echo no e;; esac
set +e
echo "${0##*/}"
