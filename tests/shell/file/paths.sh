# basename, dirname, realpath, pathchk, and dot paths.
# shell: both
basename /a/b/c.txt
basename /a/b/c.txt .txt
basename -a x/1 y/2
dirname /a/b/c
dirname c
dirname /
basename /
dirname -z a/b | tr '\0' '\n'
realpath /dev/../dev/./null
realpath -m /no/../x
mkdir d
cd d
realpath --relative-to=. ../e
pathchk -p 'ok'
pathchk -p 'a*b' 2>/dev/null; echo $?
ls ../d/../d/.
cat ../d/ 2>/dev/null; echo $?
