# (exit 3); echo $? shows three.
# shell: both
(exit 3); echo $?
