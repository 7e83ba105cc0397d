// A pipe takes 65536 bytes without a reader, and says EAGAIN for the next when it must not block.
// Spec: pipe(7), "Pipe capacity"
#include "../guest.h"

int main(void) {
    int ends[2], total = 0;
    char block[4096] = {0}, byte;
    must(pipe2(ends, O_NONBLOCK) == 0);
    for (;;) {
        ssize_t n = write(ends[1], block, sizeof block);
        if (n < 0) break;
        total += n;
    }
    say("taken: %d, then %s\n", total, errname(errno));
    must(read(ends[0], block, 4096) == 4096);
    say("room again: %d\n", (int)write(ends[1], block, 4096));
    must(read(ends[0], &byte, 1) == 1);
    total = 1;
    for (ssize_t n; (n = read(ends[0], block, sizeof block)) > 0;) total += n;
    say("read back: %d, then %s\n", total, errname(errno));
    return 0;
}
