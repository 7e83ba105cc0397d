// Makes pipes and fills them until it is refused.
// Threat: memory in pipes. pipe says EMFILE or ENFILE.
#include "../guest.h"

int main(void) {
    static char block[65536];
    int count = 0, ends[2];
    while (pipe2(ends, O_NONBLOCK) == 0) {
        write(ends[1], block, sizeof block);
        count++;
    }
    say("refused: %s\n", errname(errno));
    dprintf(2, "%d pipes\n", count);
    return 0;
}
