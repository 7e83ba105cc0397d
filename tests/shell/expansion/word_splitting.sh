# Unquoted expansions are split by IFS; quoted ones are not.
# shell: both
show() { printf '%d:' $#; for a; do printf '<%s>' "$a"; done; echo; }
v='  a  b   c '
show $v
show "$v"
IFS=:
v=':a::b:'
show $v
show "$v"
IFS=': '
v=' x : y:z '
show $v
IFS=
v='a b'
show $v
unset IFS
show $v
