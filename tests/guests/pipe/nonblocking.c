// O_NONBLOCK belongs to the open description: it is set per end and shared by its duplicates.
// Spec: pipe(7), fcntl(2)
#include "../guest.h"

int main(void) {
    int ends[2];
    char byte;
    must(pipe(ends) == 0);
    int copy = dup(ends[0]);
    must(fcntl(copy, F_SETFL, O_NONBLOCK) == 0);
    say("read end %d, its copy %d, write end %d\n", !!(fcntl(ends[0], F_GETFL) & O_NONBLOCK), !!(fcntl(copy, F_GETFL) & O_NONBLOCK),
        !!(fcntl(ends[1], F_GETFL) & O_NONBLOCK));
    say("empty: %s\n", result(read(ends[0], &byte, 1)));
    must(write(ends[1], "x", 1) == 1);
    say("one byte: %d\n", (int)read(ends[0], &byte, 1));
    close(ends[1]);
    say("no writer: %d\n", (int)read(ends[0], &byte, 1));
    say("length 0: %d\n", (int)read(ends[0], &byte, 0));
    return 0;
}
