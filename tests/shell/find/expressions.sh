# find selects by name, type, time, size and runs commands.
# shell: both
mkdir -p a/b c
touch a/1.txt a/b/2.txt c/3.md
echo data >c/big
ln -s a/1.txt l
touch -d @0 c/3.md
find . | sort
find . -name '*.txt' | sort
find . -type d | sort
find . -type l
find . -size +0c -type f
find a -maxdepth 1 | sort
find . -mindepth 2 -type f | sort
find . -newer c/3.md -name '*.txt' | wc -l
find . -name '*.txt' -exec echo got {} \; | sort
find . -name '*.txt' -exec echo {} + | wc -l
find . \( -name '*.md' -o -name big \) -print | sort
find . ! -name '*.txt' -type f | sort
find . -path './a/*' -prune -o -type f -print | sort
find . -empty -type f | wc -l
find c -name big -printf '%f %s %y %m %d\n'
find . -regex '.*/[0-9]\.txt' | sort
find . -iname '*.TXT' | wc -l
find nothing 2>/dev/null; echo $?
find . -name '*.txt' -delete
find . -name '*.txt' | wc -l
find . -perm -u=w -type f | wc -l
find . -name big -quit
find a -depth
