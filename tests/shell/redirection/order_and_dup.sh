# Redirections are done from left to right.
# shell: both
f() { echo out; echo err >&2; }
f >both 2>&1; cat both
f 2>&1 >onlyout | sed 's/^/piped /'; cat onlyout
f 2>/dev/null
f >/dev/null 2>err; cat err
{ f; } 3>&1 1>&2 2>&3 3>&- 2>swapped; cat swapped
