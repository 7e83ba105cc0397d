# Two thousand arguments and a long argument reach a command.
# shell: both
set -- $(seq 2000); /bin/echo "$@" | wc -w
long=$(head -c 60000 /dev/zero | tr '\0' x)
/bin/echo "$long" | wc -c
sh -c 'echo ${#1}' sh "$long"
V=$long sh -c 'echo ${#V}'
