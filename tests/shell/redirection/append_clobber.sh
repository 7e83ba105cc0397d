# > truncates, >> appends, noclobber refuses and >| overrides.
# shell: both
echo one >f; echo two >>f; cat f
echo three >f; cat f
set -C
(echo four >f) 2>/dev/null; echo "status $?"
echo five >|f; cat f
echo six >>f; cat f
set +C
>empty; wc -c <empty
: >f; wc -c <f
