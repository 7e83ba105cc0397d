# set -o pipefail; false | true ends with status 1.
# shell: bash
set -o pipefail; false | true
