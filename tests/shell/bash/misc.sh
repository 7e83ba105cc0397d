# Odds and ends: printf dates, $'', [[ -v ]], ${!x}, shopt, caller, FUNCNAME.
# shell: bash
outer() { inner; }; inner() { echo "${FUNCNAME[0]} ${FUNCNAME[1]} ${#FUNCNAME[@]}"; }; outer
[[ -v HOME ]] && echo set
echo "${BASH_VERSINFO[0]}.${BASH_VERSINFO[1]}"
shopt -q extglob; echo $?
x=5; [[ $x -gt 3 && $x != 4 ]] && echo cond
echo "$BASH_SUBSHELL" "$(echo $BASH_SUBSHELL)"
SECONDS=0; echo $SECONDS
: "$_"; echo arg; echo "$_"
[[ $EPOCHSECONDS -gt 1600000000 ]] && echo epoch
echo ${BASH_SOURCE[0]##*/} $LINENO
time_out=$( { TIMEFORMAT=%0R; time true; } 2>&1 ); echo "$time_out"
enable -n echo; type -t echo; enable echo; type -t echo
