# [[ =~ ]] fills BASH_REMATCH.
# shell: bash
re='^([a-z]+)-([0-9]+)(\.txt)?$'
for s in file-12.txt x-1 nope; do
  if [[ $s =~ $re ]]; then echo "${BASH_REMATCH[1]}|${BASH_REMATCH[2]}|${BASH_REMATCH[3]}"; else echo no; fi
done
[[ "a.b" =~ a\.b ]] && echo dot
[[ axb =~ "a.b" ]] || echo quoted is literal
[[ foo == f* && ! bar == f* ]] && echo globs
[[ abc < abd && -n x || -z x ]] && echo order
