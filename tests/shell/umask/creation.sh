# umask sets the modes of new files and directories.
# shell: both
umask 022; touch a; mkdir b; stat -c '%a %n' a b
umask 077; touch c; mkdir d; stat -c '%a %n' c d
umask; umask -S
umask u=rwx,g=rx,o=; umask
umask 000; touch e; stat -c '%a' e
(umask 027; sh -c umask)
mkdir -m 711 m; stat -c %a m
