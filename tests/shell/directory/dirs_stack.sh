# pushd, popd and dirs keep a stack.
# shell: bash
mkdir -p a b c; top=$PWD
pushd a >/dev/null; pushd ../b >/dev/null
dirs -p | sed "s|$HOME|H|; s|^~|H|; s|$top|H|"
popd >/dev/null; echo "${PWD##*/}"
popd >/dev/null; [ "$PWD" = "$top" ] && echo back
popd 2>/dev/null; echo $?
