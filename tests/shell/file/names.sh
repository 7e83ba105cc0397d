# Names with spaces, newlines and bytes above ASCII work.
# shell: both
touch 'a b' 'new
line' "qu'ote" '*star' 'é' -- '-opt' '\back'
ls | od -c | head -n 5; ls -b; ls -A | wc -l; for f in *; do [ -e "$f" ] || echo missing; done; find . -type f | wc -l; find . -type f -print0 | xargs -0 -n1 echo | wc -l; rm -- *; ls -A | wc -l
touch "$(head -c 255 /dev/zero | tr '\0' n)"; echo $?
touch "$(head -c 256 /dev/zero | tr '\0' n)" 2>/dev/null; echo $?
