# A writer into a closed pipe is ended by SIGPIPE.
# shell: both
yes | head -n 3
yes abc | head -c 10; echo
(yes; echo "status $?" >&2) 2>st | head -n 1; 
seq 1 1000000 | head -n 1
