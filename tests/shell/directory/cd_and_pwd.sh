# cd follows logical paths, - and CDPATH.
# shell: both
mkdir -p a/b c; ln -s a/b link
top=$PWD; rel() { echo "${1#"$top"}"; }
cd a/b && rel "$PWD"
cd ..; rel "$PWD"
cd - >/dev/null; rel "$PWD"
cd "$top/link"; rel "$PWD"; rel "$(pwd -P)"
cd ..; rel "$PWD"
cd -P link; rel "$PWD"
cd "$top"; CDPATH=$top/a cd b >/dev/null; rel "$PWD"
cd /; cd nosuch 2>/dev/null; echo $?
cd /.//dev/../dev; pwd
cd; [ "$PWD" = "$HOME" ] && echo home
