# stat, touch and ln show and set what inodes hold.
# shell: both
echo hi >f
touch -d @1000000000 f
stat -c '%n %s %F %A %h %Y' f
touch -d '2020-01-02 03:04:05' f
stat -c '%y' f
ln f g
stat -c %h f
ln -s f s
readlink s
stat -c '%F %N' s
stat -L -c '%F' s
ln -sfn other s
readlink s
[ f -ef g ]; echo $?
ln f g 2>/dev/null; echo $?
ln nofile x 2>/dev/null; echo $?
touch -r f r
stat -c %Y r
touch -c no
ls no 2>/dev/null; echo $?
mkdir d
ln -s ../f d/rel
cat d/rel
readlink -f d/rel | sed 's|.*/||'
realpath --relative-to=d f
ln -sr f d/r2
readlink d/r2
rm f
stat -c %h g
