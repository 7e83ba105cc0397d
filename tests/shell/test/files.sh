# test looks at files.
# shell: both
touch f; mkdir d; ln -s f l; ln -s gone dangling; echo data >full; mkfifo p
t() { if [ "$@" ]; then echo "yes $*"; else echo "no $*"; fi; }
for o in -e -f -d -L -h -s -p -r -w -S -b -c; do t $o f; done
t -d d
t -f d
t -L l
t -f l
t -e dangling
t -L dangling
t -s full
t -p p
t -c /dev/null
t -x /bin/sh
t -x f
chmod 755 f; t -x f
ln f hard; t f -ef hard; t f -ef full
touch -d @1000 old; touch -d @2000 new; t new -nt old; t new -ot old; t f -nt nothere
t -t 0
