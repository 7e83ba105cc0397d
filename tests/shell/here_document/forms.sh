# Here-documents expand, stay literal, strip tabs, and nest.
# shell: both
v=expanded
cat <<EOF
plain $v $(echo cmd) $((2*3)) \$v \\ "q" 'q'
EOF
cat <<'EOF'
literal $v $(echo cmd) \$v
EOF
cat <<-EOF
		tabs stripped $v
	  not the spaces
	EOF
cat <<"A" ; cat <<B
first $v
A
second $v
B
cat <<EOF | tr a-z A-Z
through a pipe
EOF
cat <<EOF
joined \
line
EOF
