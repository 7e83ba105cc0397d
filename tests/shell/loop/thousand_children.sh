# Two hundred external commands run one after the other.
# shell: both
i=0
while [ $i -lt 200 ]; do /bin/true || echo failed; i=$((i+1)); done
echo $i
