# ulimit shows and lowers limits.
# shell: both
ulimit -n 64; ulimit -n
(ulimit -c 0; ulimit -c)
ulimit -S -n 32; ulimit -S -n; ulimit -H -n
sh -c 'ulimit -n'
(ulimit -f 1; dd if=/dev/zero of=big bs=1024 count=10; echo $?) 2>/dev/null
wc -c <big
