# chmod in octal and symbolic form.
# shell: both
touch f; chmod 640 f; stat -c %a f
chmod u+x,g-r,o=r f; stat -c %a f
chmod a+X f; stat -c %a f
chmod -x f; stat -c %A f
chmod 4755 f; stat -c '%a %A' f
mkdir -p d/e; touch d/e/g; chmod -R go-rwx d; stat -c '%a %n' d d/e d/e/g
chmod 1777 d; stat -c %A d
chmod --reference=f d/e/g; stat -c %a d/e/g
chmod zzz f 2>/dev/null; echo $?
