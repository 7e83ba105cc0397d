# tar packs, lists and unpacks with modes, links and times.
# shell: both
mkdir -p d/e
echo one >d/1
echo two >d/e/2
ln -s 1 d/s
ln d/1 d/h
chmod 600 d/1
touch -d @1000000 d/1
tar cf a.tar --sort=name d
tar tf a.tar
mkdir x
tar xf a.tar -C x
cat x/d/s
stat -c '%a %h %Y' x/d/1
readlink x/d/s
diff -r d x/d; echo $?
tar czf a.tgz d
tar tzf a.tgz | wc -l
tar cf - d | tar tf - | wc -l
tar xf a.tar -O d/e/2
tar rf a.tar -C x d/e/2 2>/dev/null
tar tf a.tar | tail -n 1
tar --delete -f a.tar d/s
tar tf a.tar | grep -c s$
tar xf none.tar 2>/dev/null; echo $?
tar cf ex.tar --exclude=e d
tar tf ex.tar | sort
tar cf st.tar --transform 's/^d/renamed/' d/1
tar tf st.tar
