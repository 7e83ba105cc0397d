// Allocates and touches memory until it is refused, and says how many megabytes that were.
// Threat: a guest eats the host's memory. The limit is the VM's, and malloc tells.
#include "../guest.h"

int main(void) {
    int megabytes = 0;
    // Volatile, for a compiler knows malloc and would leave out what nobody reads.
    for (volatile char *block; (block = malloc(1 << 20)); megabytes++)
        for (int i = 0; i < 1 << 20; i += 4096) block[i] = 1;
    say("refused: %s\n", errname(errno));
    dprintf(2, "%d MiB\n", megabytes);
    return megabytes > 8 ? 0 : 1;
}
