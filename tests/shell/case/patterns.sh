# case matches patterns in order.
# shell: both
t() {
  case $1 in
    '') echo empty;;
    [0-9]) echo digit;;
    [!a-z]*) echo "not lower";;
    a|b) echo "a or b";;
    *.c|*.h) echo source;;
    \*) echo star;;
    ???) echo three;;
    "x y") echo quoted;;
    [[:alpha:]]*[0-9]) echo "ends in digit";;
    *) echo other;;
  esac
}
for w in '' 5 A a b main.c abc 'x y' word9 word; do t "$w"; done
p='a*'
case abc in $p) echo pattern;; esac
case abc in "$p") echo no;; *) echo literal;; esac
case x in (x) echo paren;; esac
case n in y) :;; esac; echo $?
