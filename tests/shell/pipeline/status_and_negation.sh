# A pipeline's status is its last command's, ! negates it.
# shell: both
false | true; echo $?
true | false; echo $?
! true; echo $?
! false | true; echo $?
! true | false; echo $?
(exit 3) | (exit 4); echo $?
true | (exit 5) && echo no || echo "or $?"
