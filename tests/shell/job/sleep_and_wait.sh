# sleep 1 & wait ends with 0.
# shell: both
sleep 1 & wait
