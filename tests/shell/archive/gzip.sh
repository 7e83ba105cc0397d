# gzip and gunzip keep the bytes and the refusals.
# shell: both
seq 1000 >f
cp f o
gzip f
ls
gzip -l f.gz | tail -n 1 | awk '{ print $2, $4 }'
zcat f.gz | cmp - o; echo $?
gunzip f.gz
cmp f o; echo $?
gzip -k f
ls
gzip f </dev/null 2>/dev/null; echo $?
gzip -c9 f | gzip -dc | sha256sum
gzip -t f.gz; echo $?
echo junk >j.gz
gzip -t j.gz 2>/dev/null; echo $?
cat f.gz f.gz | gzip -dc | wc -l
head -c 100 f.gz | gzip -dc >/dev/null 2>&1; echo $?
