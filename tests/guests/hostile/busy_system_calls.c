// Calls getppid for ever. Must be killed by a signal or a time limit.
// Threat: a guest that is always inside the kernel.
#include <unistd.h>

int main(void) {
    for (;;) getppid();
}
