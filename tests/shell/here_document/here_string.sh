# A here-string is one expanded word and a newline.
# shell: bash
v='a  b'
cat <<< "$v"
cat <<< $v
cat <<< '$v'
tr a-z A-Z <<< "up"
read -r x y <<< "first second third"; echo "$x|$y"
