# $@ and $* keep, join or split the positional parameters.
# shell: both
show() { printf '%d:' $#; for a; do printf '<%s>' "$a"; done; echo; }
set -- 'a b' '' c
show "$@"
show "$*"
show $@
show $*
show "pre $@ post"
IFS=-
show "$*"
unset IFS
shift
show "$@"
set --
show "$@"
show "x$@"
show ${1+"$@"}
set -- 1 2 3 4 5 6 7 8 9 10 11
echo "$10 ${10} ${11} $#"
