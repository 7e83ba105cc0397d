# ;& falls through and ;;& tests on.
# shell: bash
case a in a) echo 1;& b) echo 2;; c) echo 3;; esac
case abc in a*) echo starts;;& *c) echo ends;;& x) echo no;; *) echo any;; esac
shopt -s nocasematch
case ABC in abc) echo nocase;; esac
[[ HELLO == hello ]] && echo equal
