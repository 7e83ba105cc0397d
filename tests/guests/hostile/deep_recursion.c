// Recurses until the stack ends. Must die by a signal.
// Threat: a guest's stack runs into the host's.
#include "../guest.h"

static volatile int keep = 1;

static int deeper(volatile char *above) {
    volatile char room[256];
    room[0] = above[0];
    return keep ? deeper(room) + room[0] : 0;
}

int main(void) {
    volatile char first[1] = {1};
    say("begin\n");
    return deeper(first);
}
