// sched_yield returns, and the affinity mask holds at least one processor.
// Spec: sched_yield(2), sched_getaffinity(2)
#include "../guest.h"
#include <sched.h>

int main(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    say("yield: %s\n", result(sched_yield()));
    say("affinity: %s\n", result(sched_getaffinity(0, sizeof set, &set)));
    say("at least one: %d\n", CPU_COUNT(&set) >= 1);
    say("nobody: %s\n", result(sched_getaffinity(0x3ffffff, sizeof set, &set)));
    return 0;
}
