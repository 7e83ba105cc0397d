# exec redirections stay in force and can be saved and restored.
# shell: both
exec 3>&1 4>log
echo to log >&4
exec >hidden
echo in hidden
exec 1>&3 3>&-
echo back
cat hidden log
exec 4>&-
(echo x >&4) 2>/dev/null; echo "closed: $?"
exec 5<hidden
read -r l <&5; echo "$l"
exec 5<&-
