// FIONREAD tells how many bytes wait in a pipe.
// Spec: ioctl_tty(2), FIONREAD
#include "../guest.h"
#include <sys/ioctl.h>

int main(void) {
    int ends[2], count = -1;
    char text[100];
    must(pipe(ends) == 0);
    must(ioctl(ends[0], FIONREAD, &count) == 0);
    say("empty: %d\n", count);
    must(write(ends[1], text, 100) == 100);
    must(read(ends[0], text, 30) == 30);
    must(ioctl(ends[0], FIONREAD, &count) == 0);
    say("left: %d\n", count);
    must(ioctl(ends[1], FIONREAD, &count) == 0);
    say("from the write end: %d\n", count);
    say("unknown request: %s\n", result(ioctl(ends[0], 0x12345, &count)));
    return 0;
}
