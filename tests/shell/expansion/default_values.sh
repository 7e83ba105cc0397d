# Parameter expansion supplies defaults, assigns them, and substitutes alternatives.
# shell: both
unset x
empty=
set_=value
echo "${x-unset} ${x:-unset} ${empty-unset} ${empty:-unset} ${set_-unset} ${set_:-unset}"
echo "${x+alt} ${x:+alt} ${empty+alt} ${empty:+alt} ${set_+alt} ${set_:+alt}"
echo "${y=assigned} $y"
echo "${empty:=filled} $empty"
echo "${x-${y-nested}} ${x-"quoted  word"} ${x-a b  c}"
