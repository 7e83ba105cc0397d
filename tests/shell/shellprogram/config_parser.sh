# A whole program: read a key=value file with sections.
# shell: both
cat >conf <<'T'
# comment
[server]
host = example
port=80

[client]
name = "quoted value"
T
section=
while IFS= read -r line || [ -n "$line" ]; do
  case $line in
    ''|\#*) continue;;
    \[*\]) section=${line#[}; section=${section%]};;
*=*) k=${line%%=*}; v=${line#*=}; k=$(echo $k); v=${v# }; v=${v#\"}; v=${v%\"}; echo "$section.$k -> $v";;
  esac
done <conf
