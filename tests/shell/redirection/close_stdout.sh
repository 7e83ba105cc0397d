# Writing to a closed standard output is an error.
# shell: both
(echo x >&-) 2>/dev/null; echo "echo $?"
(cat /dev/null >&-); echo "cat $?"
(ls / >&-) 2>/dev/null; echo "ls $?"
(exec <&-; cat) 2>/dev/null; echo "cat stdin $?"
(exec <&-; read x); echo "read $?"
