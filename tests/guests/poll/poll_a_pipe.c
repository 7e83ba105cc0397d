// poll tells when a pipe can be read and written, and how many descriptors are ready.
// Spec: poll(2), pipe(7)
#include "../guest.h"
#include <poll.h>

static void tell(const char *what, struct pollfd *fds, int count) {
    say("%s: %d,", what, poll(fds, count, 0));
    for (int i = 0; i < count; i++) say(" %s%s%s%s", fds[i].revents & POLLIN ? "in" : "", fds[i].revents & POLLOUT ? "out" : "",
                                        fds[i].revents & POLLHUP ? "hup" : "", fds[i].revents ? "" : "-");
    say("\n");
}

int main(void) {
    int ends[2];
    char block[4096] = {0};
    must(pipe2(ends, O_NONBLOCK) == 0);
    struct pollfd fds[] = {{ends[0], POLLIN | POLLOUT, 0}, {ends[1], POLLIN | POLLOUT, 0}};
    tell("empty", fds, 2);
    must(write(ends[1], "x", 1) == 1);
    tell("one byte", fds, 2);
    while (write(ends[1], block, sizeof block) > 0) {}
    tell("full", fds, 2);
    must(read(ends[0], block, 1) == 1);
    tell("one byte taken", fds, 2);
    must(read(ends[0], block, 4096) == 4096);
    tell("a page taken", fds, 2);
    fds[0].events = 0;
    tell("nothing asked of the reader", fds, 2);
    return 0;
}
