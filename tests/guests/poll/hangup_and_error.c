// A pipe's reader sees POLLHUP when the writers are gone, its writer POLLERR when the readers are.
// Spec: poll(2)
#include "../guest.h"
#include <poll.h>

static void tell(const char *what, struct pollfd *one) {
    int n = poll(one, 1, 0);
    say("%s: %d%s%s%s%s%s\n", what, n, one->revents & POLLIN ? " in" : "", one->revents & POLLOUT ? " out" : "",
        one->revents & POLLHUP ? " hup" : "", one->revents & POLLERR ? " err" : "", one->revents & POLLNVAL ? " nval" : "");
}

int main(void) {
    int ends[2];
    char byte;
    must(pipe(ends) == 0);
    struct pollfd reader = {ends[0], POLLIN, 0}, nothing = {ends[0], 0, 0};
    must(write(ends[1], "x", 1) == 1);
    close(ends[1]);
    tell("data and hangup", &reader);
    must(read(ends[0], &byte, 1) == 1);
    tell("hangup", &reader);
    tell("hangup unasked", &nothing);
    must(pipe(ends) == 0);
    close(ends[0]);
    struct pollfd writer = {ends[1], POLLOUT, 0};
    tell("no reader", &writer);
    struct pollfd closed = {77, POLLIN, 0}, negative = {-1, POLLIN, 5};
    tell("closed", &closed);
    tell("negative is skipped", &negative);
    struct pollfd mixed[] = {{77, POLLIN, 0}, {-5, POLLIN, 0}, {ends[1], POLLOUT, 0}};
    say("counted: %d\n", poll(mixed, 3, -1));
    return 0;
}
