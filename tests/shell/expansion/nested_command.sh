# Command substitutions nest, strip trailing newlines only, and keep inner ones.
# shell: both
x=$(printf 'a\n\n'); echo "[$x]"
y=$(printf 'a\n\nb\n\n\n'); echo "[$y]"
echo "$(echo "$(echo "deep $(echo er)")")"
echo `echo back \`echo tick\``
echo "`printf '%s' "in quotes"`"
z=$(exit 7); echo "status $?"
echo "$(echo out; echo err >&2)" 2>/dev/null
v=$(cat <<X
line $((1+1))
X
)
echo "$v"
