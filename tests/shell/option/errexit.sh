# set -e ends the shell on a failure, but not in conditions.
# shell: both
sh -c 'set -e; false; echo no'; echo $?
sh -c 'set -e; false || true; echo yes'; echo $?
sh -c 'set -e; if false; then :; fi; ! true; echo yes'; echo $?
sh -c 'set -e; f() { false; echo in; }; f && :; echo yes'; echo $?
sh -c 'set -e; f() { false; echo in; }; f; echo no'; echo $?
sh -c 'set -e; (false; echo no); echo no'; echo $?
sh -c 'set -e; x=$(false); echo no'; echo $?
sh -c 'set -e; false | true; echo yes'; echo $?
sh -c 'set -e; while false; do :; done; echo yes'; echo $?
sh -c 'set -e; echo $(false) yes'; echo $?
