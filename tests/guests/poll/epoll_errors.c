// epoll_ctl refuses duplicates, unknown descriptors, plain files and itself.
// Spec: epoll_ctl(2) ERRORS
#include "../guest.h"
#include <sys/epoll.h>

int main(void) {
    int ends[2], epoll = epoll_create1(0), other = epoll_create(1);
    struct epoll_event event = {.events = EPOLLIN};
    put("f", "");
    must(pipe(ends) == 0);
    say("add: %s\n", result(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event)));
    say("twice: %s\n", result(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event)));
    int copy = dup(ends[0]);
    say("a duplicate is another: %s\n", result(epoll_ctl(epoll, EPOLL_CTL_ADD, copy, &event)));
    say("modify what is not there: %s\n", result(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[1], &event)));
    say("delete what is not there: %s\n", result(epoll_ctl(epoll, EPOLL_CTL_DEL, ends[1], NULL)));
    say("closed: %s\n", result(epoll_ctl(epoll, EPOLL_CTL_ADD, 77, &event)));
    say("itself: %s\n", result(epoll_ctl(epoll, EPOLL_CTL_ADD, epoll, &event)));
    say("plain file: %s\n", result(epoll_ctl(epoll, EPOLL_CTL_ADD, open("f", O_RDWR), &event)));
    say("not an epoll: %s\n", result(epoll_ctl(ends[0], EPOLL_CTL_ADD, ends[1], &event)));
    say("unknown operation: %s\n", result(epoll_ctl(epoll, 77, ends[1], &event)));
    say("another epoll: %s\n", result(epoll_ctl(epoll, EPOLL_CTL_ADD, other, &event)));
    say("room for none: %s\n", result(epoll_wait(epoll, &event, 0, 0)));
    say("unknown flag: %s\n", result(epoll_create1(1)));
    say("size 0: %s\n", result(epoll_create(0)));
    return 0;
}
