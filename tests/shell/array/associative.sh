# Associative arrays map strings.
# shell: bash
declare -A m=([one]=1 ["two words"]=2)
m[three]=3
echo "${#m[@]} ${m[one]} ${m["two words"]}"
for k in "${!m[@]}"; do echo "$k=${m[$k]}"; done | sort
unset 'm[one]'; [[ -v m[one] ]] || echo gone
[[ -v m[three] ]] && echo there
count() { local -A c; for w; do ((c[$w]++)); done; for k in "${!c[@]}"; do echo "$k ${c[$k]}"; done | sort; }
count b a b c a b
