// Anonymous shared memory is one memory for parent and child.
// Spec: mmap(2), MAP_SHARED | MAP_ANONYMOUS
#include "../guest.h"
#include <sys/mman.h>

static volatile int *shared;
static void body(void) { *shared = 42; }

int main(void) {
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        say("mmap: %s\n", errname(errno));
        return 1;
    }
    *shared = 1;
    in_child(body);
    say("the child's write: %d\n", *shared);
    return 0;
}
