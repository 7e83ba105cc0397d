# Functions call themselves.
# shell: both
fact() {
  if [ "$1" -le 1 ]; then echo 1; else echo $(( $1 * $(fact $(( $1 - 1 ))) )); fi
}
fact 10
count() { [ "$1" -eq 0 ] && return 0; count $(($1 - 1)) && n=$((n+1)); }
n=0; count 200; echo $n
hanoi() { [ "$1" -eq 0 ] && return; hanoi $(($1-1)) "$2" "$4" "$3"; moves=$((moves+1)); hanoi $(($1-1)) "$4" "$3" "$2"; }
moves=0; hanoi 6 a b c; echo $moves
