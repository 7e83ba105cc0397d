# type tells what a name is.
# shell: bash
f() { :; }
alias ll='ls -l'
type -t f; type -t cd; type -t if; type -t cat; type -t nonesuch; echo $?
type f
type cd; type while
type -p cd; echo "[$?]"
shopt -s expand_aliases; type ll; type -t ll
command -V cd
