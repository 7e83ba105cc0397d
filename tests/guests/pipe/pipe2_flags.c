// pipe2 sets O_CLOEXEC and O_NONBLOCK on both ends and refuses other flags.
// Spec: pipe2(2)
#include "../guest.h"

int main(void) {
    close_inherited();
    int ends[2] = {-5, -5};
    must(pipe2(ends, O_CLOEXEC) == 0);
    say("lowest two: %d %d\n", ends[0], ends[1]);
    say("cloexec: %d %d\n", fcntl(ends[0], F_GETFD), fcntl(ends[1], F_GETFD));
    must(pipe2(ends, O_NONBLOCK) == 0);
    say("nonblock: %d %d\n", !!(fcntl(ends[0], F_GETFL) & O_NONBLOCK), !!(fcntl(ends[1], F_GETFL) & O_NONBLOCK));
    say("access: %d %d\n", fcntl(ends[0], F_GETFL) & O_ACCMODE, fcntl(ends[1], F_GETFL) & O_ACCMODE);
    say("cloexec: %d %d\n", fcntl(ends[0], F_GETFD), fcntl(ends[1], F_GETFD));
    ends[0] = ends[1] = -5;
    say("O_CREAT: %s\n", result(pipe2(ends, O_CREAT)));
    say("untouched: %d %d\n", ends[0], ends[1]);
    char byte;
    must(pipe(ends) == 0);
    say("write to the read end: %s\n", result(write(ends[0], "x", 1)));
    say("read from the write end: %s\n", result(read(ends[1], &byte, 1)));
    return 0;
}
