# echo with options and escapes, as this shell does it.
# shell: both
echo -n no newline; echo
echo 'a\tb' 'c\nd'
echo -e 'a\tb'
echo -- x
echo "-n"
echo
echo '' | od -c
