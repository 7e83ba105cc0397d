# Division by zero and bad expressions end the subshell with an error.
# shell: both
(echo $((1/0))) 2>/dev/null; echo "status $?"
(echo $((1+))) 2>/dev/null; echo "status $?"
(echo $((2 3))) 2>/dev/null; echo "status $?"
echo go on
