# pipefail takes the last failure; PIPESTATUS keeps all.
# shell: bash
set -o pipefail; false | true; echo $?
(exit 3) | (exit 4) | true; echo "$? ${PIPESTATUS[*]}"
true | true; echo "$? ${PIPESTATUS[*]}"
set +o pipefail
(exit 3) | (exit 4) | true
echo "${PIPESTATUS[0]}-${PIPESTATUS[1]}-${PIPESTATUS[2]}"
yes | head -n 1; echo "${PIPESTATUS[*]}"
