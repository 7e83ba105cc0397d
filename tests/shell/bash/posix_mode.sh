# bash --posix and sh-named behaviour.
# shell: bash
bash --posix -c 'set -o | grep posix'
bash -c 'echo $BASHOPTS | tr : "\n" | grep -c cmdhist'
bash --norc --noprofile -c 'echo ok $0' name
bash -O nullglob -c 'echo zz*'
echo 'echo rc $x' >rc; x=1 BASH_ENV=./rc bash -c 'echo main'
bash -l -c 'shopt -q login_shell; echo $?' 2>/dev/null
