# One program writes, one reads.
head -c 200000000 /dev/zero | wc -c
