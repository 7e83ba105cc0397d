# Here-documents in functions and loops are expanded each time.
# shell: both
f() {
  cat <<EOF
arg $1
EOF
}
f one; f two
for i in 1 2 3; do
  read -r line <<EOF
value $i
EOF
  echo "$line"
done
x=$(cat <<'EOF'
paren ) in here
EOF
)
echo "$x"
