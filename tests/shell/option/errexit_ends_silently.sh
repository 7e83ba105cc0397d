# set -e; false; echo no prints nothing and ends with 1.
# shell: both
set -e; false; echo no
