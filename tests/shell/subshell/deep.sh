# Subshells nest thirty deep.
# shell: both
nest() { if [ "$1" -gt 0 ]; then ( nest $(($1-1)) ); r=$?; return $r; else exit 9; fi; }
nest 30; echo $?
echo $(echo $(echo $(echo $(echo $(echo five)))))
