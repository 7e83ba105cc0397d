# Aliases are replaced when a line is read.
# shell: both
[ -n "$BASH_VERSION" ] && shopt -s expand_aliases
alias say='echo said'
alias pre='say '
alias word=expanded
say hello
pre word
unalias say
eval 'say x' 2>/dev/null; echo $?
alias | grep -c word
\word 2>/dev/null; echo $?
