# A background grandchild outlives its parent.
# shell: both
sh -c '(sleep 0.3; echo orphan >mark) & exit 0'; echo $?
[ -e mark ]; echo $?
sleep 0.8; cat mark
