# expr computes, compares and matches.
# shell: both
expr 2 + 3 \* 4
expr 10 / 3; expr 10 % 3
expr abc : 'a\(.*\)'; expr abcdef : '.*'
expr length hello; expr substr hello 2 3; expr index hello l
expr 5 \> 3; expr a = b; echo $?
expr 0; echo $?
