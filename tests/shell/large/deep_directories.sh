# A tree fifty levels deep is made, found and removed.
# shell: both
p=.; i=0; while [ $i -lt 50 ]; do p=$p/d$i; i=$((i+1)); done
mkdir -p "$p"; touch "$p/leaf"
find . -name leaf | tr / '\n' | wc -l
(cd "$p"; pwd -P | tr / '\n' | grep -c '^d')
rm -rf d0; ls | wc -l
