// A descriptor leaves the epoll set when the last duplicate is closed; an epoll can watch an epoll.
// Spec: epoll(7), "Questions and answers"
#include "../guest.h"
#include <poll.h>
#include <sys/epoll.h>

int main(void) {
    int ends[2], epoll = epoll_create1(0), outer = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 5}, got[4];
    must(pipe(ends) == 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
    must(epoll_ctl(outer, EPOLL_CTL_ADD, epoll, &event) == 0);
    struct pollfd one = {outer, POLLIN, 0};
    say("quiet: %d %d\n", epoll_wait(outer, got, 4, 0), poll(&one, 1, 0));
    must(write(ends[1], "x", 1) == 1);
    say("through two: %d %d\n", epoll_wait(outer, got, 4, 0), poll(&one, 1, 0));
    int copy = dup(ends[0]);
    close(ends[0]);
    say("a duplicate keeps it: %d\n", epoll_wait(epoll, got, 4, 0));
    close(copy);
    say("gone: %d\n", epoll_wait(epoll, got, 4, 0));
    say("and outside: %d\n", epoll_wait(outer, got, 4, 0));
    return 0;
}
