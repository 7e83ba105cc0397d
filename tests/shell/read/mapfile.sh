# mapfile reads lines into arrays.
# shell: bash
mapfile -t a < <(seq 5); echo "${a[*]} ${#a[@]}"
mapfile -n 2 -s 1 -t b < <(seq 5); echo "${b[*]}"
mapfile c < <(printf 'x\ny'); printf '%q ' "${c[@]}"; echo
mapfile -d : -t d <<< "p:q:r"; echo "${#d[@]} ${d[1]}"
readarray -t -O 2 e < <(seq 2); echo "${!e[@]}"
cb() { echo "at $1"; }
mapfile -t -c 2 -C cb f < <(seq 5)
