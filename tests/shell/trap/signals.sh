# Signals run their traps between commands.
# shell: both
for s in HUP INT QUIT USR1 USR2 TERM ALRM; do
  trap "echo got $s" $s
  kill -$s $$
done
trap - HUP INT QUIT ALRM
trap '' USR1; kill -USR1 $$; echo ignored
trap | grep USR | sort
trap 'echo nested; kill -USR2 $$' TERM; kill -TERM $$
echo done
