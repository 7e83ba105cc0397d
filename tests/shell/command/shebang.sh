# Scripts with #! lines run under their interpreters.
# shell: both
printf '#!/bin/sh\necho "sh $# $1"\n' >a; chmod +x a; ./a x
printf '#! /bin/cat\ncontent\n' >b; chmod +x b; ./b
printf '#!/bin/sh -e\nfalse\necho no\n' >c; chmod +x c; ./c; echo $?
printf '#!/usr/bin/env bash\necho ${BASH_VERSINFO[0]}\n' >d; chmod +x d; ./d
printf '#!/no/such/interp\n' >e; chmod +x e; ./e 2>/dev/null; echo $?
printf '#!./a\n' >f; chmod +x f; ./f y 
printf '#!/bin/echo one two\n' >g; chmod +x g; ./g three
