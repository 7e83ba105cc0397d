# jq queries and reshapes JSON.
# shell: both
# needs: jq
echo '{"a":1,"b":[1,2,{"c":"x"}]}' >f
jq . f
jq -c . f
jq .a f
jq '.b[2].c' f
jq -r '.b[2].c' f
jq '.b | length' f
jq -c '[.b[] | numbers] | add' f
jq -c 'keys' f
jq -c 'to_entries' f
jq '.nope' f
jq -e '.nope' f >/dev/null; echo $?
echo '[3,1,2]' | jq -c 'sort, map(. * 2), max'
echo '"a b"' | jq -r '@uri, @base64, @sh'
jq -n --arg v x '{v: $v}' -c
echo '{bad' | jq . 2>/dev/null; echo $?
printf '1\n2\n' | jq -s -c .
echo '[{"n":1},{"n":2}]' | jq -c 'map(select(.n > 1))'
jq -n '1/3'
jq -n '"x\u00e9"'
echo '{"a":{"b":2}}' | jq -c 'paths'
jq -c 'del(.b)' f
jq -rn '[1,2] | @csv, @tsv'
echo null | jq -r '[limit(3; range(10))] | join("-")'
jq -n -r '"\(1+2) inter"'
