# grep searches by patterns of every kind.
# shell: both
printf 'apple\nBanana\ncherry pie\napple pie\n' >f
grep apple f; grep -v apple f; grep -i BANANA f; grep -c apple f; grep -n pie f
grep -o 'p[a-z]*' f; grep -w pie f; grep -x apple f; grep -E '^(apple|cherry)' f
grep -F 'a' f | wc -l; grep -q nope f; echo $?; grep x missing 2>/dev/null; echo $?
mkdir -p d/e
echo needle >d/e/x
echo hay >d/y
grep -r needle d
grep -rl needle d
grep -L needle d/y d/e/x
grep -A1 Banana f; grep -B1 -n cherry f; printf 'a\nb\n' | grep -f - f | wc -l
echo 'a.b axb' | grep -o 'a\.b'; printf 'a\0b\0' | grep -zc .
echo 'foo123' | grep -P '\d+' -o 2>/dev/null || echo 'foo123' | grep -oE '[0-9]+'
grep -e apple -e cherry -h f f | wc -l; grep -m1 apple f
