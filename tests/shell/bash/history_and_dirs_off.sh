# An interactive-less bash keeps no history and no prompt.
# shell: bash
history | wc -l
echo "${PS1-unset}"
set -o | grep -E '^(errexit|pipefail|history|monitor|posix)'
