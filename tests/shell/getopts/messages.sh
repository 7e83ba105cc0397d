# Without a leading colon getopts complains itself.
# shell: both
getopts ab: o -x 2>err; echo "$? $o"; sed 's/^.*: //' err
OPTIND=1; getopts ab: o -b 2>err; echo "$? $o"; sed 's/^.*: //' err
OPTIND=1; getopts ab: o plain; echo "$? $o $OPTIND"
