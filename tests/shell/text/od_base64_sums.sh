# od, base64 and the checksum programs agree on bytes.
# shell: both
printf 'hello\0\001\377' >f
od -c f; od -An -tx1 f; od -An -td4 -N4 f; od -tx2 -Ax f; xxd f 2>/dev/null | head -n 0
base64 f; base64 f | base64 -d | cmp - f; echo $?; head -c 60 /dev/zero | base64 -w 20; base32 f
md5sum f; sha1sum f; sha256sum f; sha512sum f | cut -c1-32; b2sum f | cut -c1-32; cksum f; sum f
sha256sum f >s; sha256sum -c s; echo x >>f; sha256sum -c s 2>/dev/null; echo $?
