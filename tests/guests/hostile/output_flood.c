// Writes to standard output for ever.
// Threat: captured output fills the host's memory. It is cut and marked, or the guest is stopped.
#include <string.h>
#include <unistd.h>

int main(void) {
    static char block[65536];
    memset(block, 'y', sizeof block);
    while (write(1, block, sizeof block) > 0) {}
    return 0;
}
