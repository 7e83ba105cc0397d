# getopts walks through options, arguments and errors.
# shell: both
parse() {
  OPTIND=1
  while getopts :ab:c o; do
    case $o in
      b) echo "b=$OPTARG";;
      :) echo "missing for $OPTARG";;
      \?) echo "unknown $OPTARG";;
      *) echo "$o";;
    esac
  done
  shift $((OPTIND-1)); echo "rest: $*"
}
parse -a -b val rest1 rest2
parse -acbval x
parse -b
parse -z -a
parse -a -- -b
parse
