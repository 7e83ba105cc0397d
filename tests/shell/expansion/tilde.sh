# A tilde at the start of a word or after = and : becomes HOME.
# shell: both
HOME=/home/someone
echo ~ ~/x "~" \~ a~
x=~/bin:~/lib
echo "$x"
y="~/no"
echo "$y"
