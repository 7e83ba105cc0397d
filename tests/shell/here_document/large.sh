# A here-document bigger than a pipe buffer is delivered whole.
# shell: both
i=0; big=
while [ $i -lt 3000 ]; do big="$big line-$i-of-text-to-make-it-long-enough
"; i=$((i+1)); done
cat <<EOF | wc -lc
$big
EOF
cat <<EOF | sha256sum
$big
EOF
