// Level-triggered epoll reports a descriptor as long as it is ready, with the data given for it.
// Spec: epoll(7)
#include "../guest.h"
#include <sys/epoll.h>

int main(void) {
    int a[2], b[2], epoll = epoll_create1(EPOLL_CLOEXEC);
    char byte;
    struct epoll_event event, got[4];
    must(epoll >= 0 && pipe(a) == 0 && pipe(b) == 0);
    event.events = EPOLLIN, event.data.u64 = 0x1122334455667788ULL;
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, a[0], &event) == 0);
    event.events = EPOLLIN, event.data.u64 = 2;
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, b[0], &event) == 0);
    say("none: %d\n", epoll_wait(epoll, got, 4, 0));
    must(write(a[1], "xy", 2) == 2);
    for (int i = 0; i < 2; i++) {
        int n = epoll_wait(epoll, got, 4, -1);
        say("one: %d, data %llx, events %x\n", n, (unsigned long long)got[0].data.u64, got[0].events);
        must(read(a[0], &byte, 1) == 1);
    }
    say("drained: %d\n", epoll_wait(epoll, got, 4, 0));
    must(write(a[1], "x", 1) == 1 && write(b[1], "x", 1) == 1);
    say("two: %d\n", epoll_wait(epoll, got, 4, 0));
    say("room for one: %d\n", epoll_wait(epoll, got, 1, 0));
    event.events = 0;
    must(epoll_ctl(epoll, EPOLL_CTL_MOD, a[0], &event) == 0);
    say("after MOD to nothing: %d\n", epoll_wait(epoll, got, 4, 0));
    must(epoll_ctl(epoll, EPOLL_CTL_DEL, b[0], NULL) == 0);
    say("after DEL: %d\n", epoll_wait(epoll, got, 4, 0));
    close(a[1]);
    say("hangup unasked: %d, ", epoll_wait(epoll, got, 4, 0));
    say("events %x\n", got[0].events);
    return 0;
}
