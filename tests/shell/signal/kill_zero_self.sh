# kill -0 $$ is true.
# shell: both
kill -0 $$
echo $?
