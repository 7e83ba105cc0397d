// ppoll and pselect change the mask only while they wait: a pending signal comes then.
// Spec: ppoll(2), pselect(2)
#include "../guest.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

static volatile sig_atomic_t runs;
static void handler(int signal) { runs++; }

int main(void) {
    sigset_t block, open, now;
    signal(SIGUSR1, handler);
    sigemptyset(&open);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, NULL);
    raise(SIGUSR1);
    struct timespec long_time = {60, 0}, none = {0, 0};
    say("ppoll: %s, ", result(ppoll(NULL, 0, &long_time, &open)));
    say("runs %d\n", runs);
    raise(SIGUSR1);
    say("pselect: %s, ", result(pselect(0, NULL, NULL, NULL, &long_time, &open)));
    say("runs %d\n", runs);
    raise(SIGUSR1);
    struct epoll_event event;
    say("epoll_pwait: %s, ", result(epoll_pwait(epoll_create1(0), &event, 1, 60000, &open)));
    say("runs %d\n", runs);
    raise(SIGUSR1);
    say("without a mask it stays blocked: %s, ", result(ppoll(NULL, 0, &none, NULL)));
    say("runs %d\n", runs);
    sigprocmask(SIG_BLOCK, NULL, &now);
    say("mask restored: %d\n", sigismember(&now, SIGUSR1));
    return 0;
}
