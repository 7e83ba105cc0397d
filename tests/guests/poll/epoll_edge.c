// Edge-triggered epoll reports each arrival once; EPOLLONESHOT once until it is armed again.
// Spec: epoll(7), EPOLLET, EPOLLONESHOT
#include "../guest.h"
#include <sys/epoll.h>

int main(void) {
    int ends[2], epoll = epoll_create1(0);
    char byte;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET}, got[4];
    must(pipe(ends) == 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
    must(write(ends[1], "abc", 3) == 3);
    say("edge: %d ", epoll_wait(epoll, got, 4, 0));
    say("%d\n", epoll_wait(epoll, got, 4, 0));
    must(read(ends[0], &byte, 1) == 1);
    say("after a partial read: %d\n", epoll_wait(epoll, got, 4, 0));
    must(write(ends[1], "d", 1) == 1);
    say("after another write: %d ", epoll_wait(epoll, got, 4, 0));
    say("%d\n", epoll_wait(epoll, got, 4, 0));
    must(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event) == 0);
    say("after MOD: %d ", epoll_wait(epoll, got, 4, 0));
    say("%d\n", epoll_wait(epoll, got, 4, 0));
    event.events = EPOLLIN | EPOLLONESHOT;
    must(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event) == 0);
    say("one shot: %d ", epoll_wait(epoll, got, 4, 0));
    must(write(ends[1], "e", 1) == 1);
    say("%d\n", epoll_wait(epoll, got, 4, 0));
    must(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event) == 0);
    say("armed again: %d ", epoll_wait(epoll, got, 4, 0));
    say("%d\n", epoll_wait(epoll, got, 4, 0));
    return 0;
}
