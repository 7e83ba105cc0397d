# cp and mv keep what they should and refuse the rest.
# shell: both
echo one >a
touch -d @1000 a
chmod 640 a
cp a b
cat b
cp -p a c
stat -c '%a %Y' c
mkdir d
cp a d
cp a b d
ls d
cp -a d e
ls e
cp d f 2>/dev/null; echo $?
cp -r d f
ls f
ln -s a l
cp l l2
[ -L l2 ]; echo $?
cp -d l l3
readlink l3
cp -n b a
cat a
mv b bb
ls
mv bb d
ls d
mv a c d
ls d
mv nothing x 2>/dev/null; echo $?
mv d moved
ls
mv -n e moved
ls moved
cp -v moved/a .
mv -v a z
mkdir -p full/x tgt/full/y
mv full tgt 2>/dev/null; echo $?
cp moved/a moved/a 2>/dev/null; echo $?
install -m 700 z zz
stat -c %a zz
