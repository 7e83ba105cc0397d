# ERR, DEBUG and RETURN traps.
# shell: bash
trap 'echo "ERR $?"' ERR
false
(exit 3) || true
f() { false; return 0; }
f
set -E; f; set +E
trap - ERR
trap 'echo "RET"' RETURN
g() { :; }
declare -ft g
g
trap - RETURN
n=0; trap '((n++))' DEBUG; :; :; trap - DEBUG; echo $((n > 2))
