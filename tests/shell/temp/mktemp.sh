# mktemp makes files and directories that are private.
# shell: both
f=$(mktemp); stat -c '%a %s' "$f"; rm "$f"
d=$(mktemp -d ./dir.XXXXXX); stat -c '%a %F' "$d"; case $d in ./dir.??????) echo named;; esac
mktemp -u foo.XXX | wc -c
mktemp nox 2>/dev/null; echo $?
rmdir "$d"
