# select prints a menu and reads choices from its input.
# shell: bash
PS3='? '
select x in apple pear "two words"; do
  echo "got $x ($REPLY)"
  [ "$REPLY" = 3 ] && break
done <<X
1
9
3
X
