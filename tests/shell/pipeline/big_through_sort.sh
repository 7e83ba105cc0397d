# Ten megabytes pass through sort, uniq and head.
# shell: both
awk 'BEGIN { for (i = 0; i < 1150000; i++) { x = (x * 1103 + 12345) % 65536; printf "%s-%d\n", "line", x % 997 } }' >big
wc -c <big | awk '{ print ($1 > 10000000) }'
sort big | uniq -c | sort -rn | head
