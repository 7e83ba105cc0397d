# mkdir -p, rmdir -p, rm -r and their refusals.
# shell: both
mkdir a
mkdir a 2>/dev/null; echo $?
mkdir -p a/b/c a; echo $?
mkdir -pv x/y
mkdir n/o 2>/dev/null; echo $?
rmdir a 2>/dev/null; echo $?
rmdir -p a/b/c
ls
touch x/y/f
rm x 2>/dev/null; echo $?
rm -r x
ls
rm none 2>/dev/null; echo $?
rm -f none; echo $?
mkdir -p t/u
touch t/u/1 t/2
rm -rv t | sort
touch -- -dash
rm ./-dash
ls -A
rm -rf . 2>/dev/null; echo $?
