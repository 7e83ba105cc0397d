#!/bin/bash
# Prints its arguments, one a line, numbered, control characters made visible: what the suites' recho.c does.
LC_ALL=C
n=0
for word; do
  n=$((n + 1)) shown=
  for ((i = 0; i < ${#word}; i++)); do
    printf -v code %d "'${word:i:1}"
    code=$((code & 255))
    if ((code < 32)); then
      printf -v byte "\\x$(printf %x $((code + 64)))"
      shown+="^$byte"
    elif ((code == 127)); then
      shown+='^?'
    else
      shown+=${word:i:1}
    fi
  done
  printf 'argv[%d] = <%s>\n' "$n" "$shown"
done
