# while and until loops end with the status of their last body.
# shell: both
i=0
while [ $i -lt 3 ]; do i=$((i+1)); echo $i; done
until [ $i -eq 0 ]; do i=$((i-1)); done; echo "$i $?"
while false; do :; done; echo $?
while :; do break; done; echo $?
i=0; while i=$((i+1)); [ $i -le 5 ]; do (exit $i); done; echo $?
