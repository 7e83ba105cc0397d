# A coprocess answers through two pipes.
# shell: bash
coproc up { while read -r l; do echo "${l^^}"; done; }
echo hello >&"${up[1]}"; read -r r <&"${up[0]}"; echo "$r"
echo again >&"${up[1]}"; read -r r <&"${up[0]}"; echo "$r"
eval "exec ${up[1]}>&-"
wait $up_PID; echo $?
coproc cat; echo x >&${COPROC[1]}; read -r y <&${COPROC[0]}; echo $y
