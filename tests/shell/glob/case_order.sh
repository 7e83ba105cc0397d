# Globs are sorted bytewise in the C locale.
# shell: both
touch b B a A _ 1 10 2 ./-x ; echo *
echo [a-z] ; echo [[:upper:]] ; echo [[:digit:]]*
