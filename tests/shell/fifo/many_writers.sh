# A reader sees end of file after the last writer.
# shell: both
mkfifo p
sort p >sorted & reader=$!
exec 3>p
list=
for i in 1 2 3; do echo "writer $i" >p & list="$list $!"; done
for w in $list; do wait $w; done
exec 3>&-
wait $reader; echo $?
cat sorted
