# export -f hands functions to child shells.
# shell: bash
greet() { echo "hi $1"; }
export -f greet
bash -c 'greet child'
declare -F greet
type greet
declare -f greet
