// dup2 closes what the target was, keeps a descriptor duplicated onto itself, and leaves the target when it fails.
// Spec: dup2(2)
#include "../guest.h"

int main(void) {
    close_inherited();
    int ends[2];
    char byte;
    must(pipe(ends) == 0);
    int copy = dup(1);
    say("onto the write end: %d\n", dup2(copy, ends[1]) == ends[1]);
    say("that was the last writer: %d\n", (int)read(ends[0], &byte, 1));
    must(write(ends[1], "now standard output\n", 20) == 20);
    fcntl(copy, F_SETFD, FD_CLOEXEC);
    say("onto itself: %d, flags kept %d\n", dup2(copy, copy) == copy, fcntl(copy, F_GETFD));
    say("bad source: %s\n", result(dup2(77, copy)));
    say("target still open: %s\n", result(fcntl(copy, F_GETFD)));
    say("bad onto itself: %s\n", result(dup2(77, 77)));
    say("bad target: %s\n", result(dup2(1, -1)));
    say("target beyond the limit: %s\n", result(dup2(1, 0x7ffffff)));
    say("a high one: %d\n", dup2(1, 200));
    say("flags not copied: %d\n", fcntl(dup2(copy, 201), F_GETFD));
    return 0;
}
