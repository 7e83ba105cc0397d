# timeout 1 sleep 5 ends with 124.
# shell: both
timeout 1 sleep 5
