# Commands are looked up as functions, builtins and along PATH.
# shell: both
mkdir bin1 bin2
printf '#!/bin/sh\necho one\n' >bin1/tool; printf '#!/bin/sh\necho two\n' >bin2/tool
chmod +x bin1/tool bin2/tool
PATH=$PWD/bin1:$PWD/bin2:$PATH
tool
rm bin1/tool; hash -r; tool
tool() { echo function; }
tool; command tool
unset -f tool; tool
command -v tool | sed 's|.*/work/||'
command -v cd; command -v if; command -v nonesuch; echo $?
PATH=/nowhere command -p ls / >/dev/null; echo $?
(PATH=; ls) 2>/dev/null; echo $?
