# An expansion with ? ends the shell with a message when the parameter is unset.
# shell: both
(: "${nope?}"); echo "status $?"
(: "${nope:?custom message}"); echo "status $?"
v=set
(: "${v:?not shown}"; echo fine); echo "status $?"
