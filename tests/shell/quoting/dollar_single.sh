# $'..' understands C escapes.
# shell: bash
printf '%s\n' $'tab\there' $'nl\nhere' $'\x41\u0042\103' $'it\'s' $'\\' $'a\cAb' | od -c
echo $'quote"inside' "$'no'"
