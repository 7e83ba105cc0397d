# set -u makes unset variables an error.
# shell: both
sh -uc 'echo "$nope"; echo no' 2>/dev/null; echo $?
sh -uc 'echo "${nope-default}"; echo yes'; echo $?
sh -uc 'set --; echo "[$*]"; echo yes'; echo $?
sh -uc 'echo "$1"' 2>/dev/null; echo $?
sh -uc 'x=; echo "[$x]"'
bash -uc 'a=(); echo "${a[@]}"; echo "${#a[@]}"'; echo $?
