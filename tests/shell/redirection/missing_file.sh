# A failed redirection fails its command only.
# shell: both
cat <no/such/file; echo "status $?"
echo x >no/dir/file; echo "status $?"
{ echo in group; } <nothere; echo "group $?"
for i in 1 2; do echo $i; done <nothere; echo "loop $?"
if read -r x <nothere; then echo yes; else echo no; fi
echo still here
