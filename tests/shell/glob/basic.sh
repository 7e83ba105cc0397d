# Globs match files, sorted, hidden ones left out, and stay when nothing matches.
# shell: both
touch b.txt a.txt c.md .hidden 'sp ace.txt' A1 a2 '[x]'
mkdir -p d/e d/f; touch d/e/1 d/f/2
echo *
echo *.txt
echo .h*
echo ?2 [ab]* [!a-z]*
echo d/*/*
echo none*
echo '*'.txt "a"*
echo \[x\] [[]x]
for f in *.txt; do echo "<$f>"; done
