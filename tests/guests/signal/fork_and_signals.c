// A child inherits handlers and mask; signals pending for the parent are not pending for it.
// Spec: fork(2), signal(7)
#include "../guest.h"

static volatile sig_atomic_t runs;
static void handler(int signal) { runs++; }

static void body(void) {
    sigset_t now, pending;
    sigprocmask(SIG_BLOCK, NULL, &now);
    sigpending(&pending);
    say("child: blocked %d, pending %d\n", sigismember(&now, SIGUSR1), sigismember(&pending, SIGUSR1));
    raise(SIGUSR2);
    say("child: handler ran %d\n", runs);
    sigprocmask(SIG_UNBLOCK, &now, NULL);
    say("child: still %d\n", runs);
}

int main(void) {
    sigset_t set, pending;
    signal(SIGUSR1, handler);
    signal(SIGUSR2, handler);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    in_child(body);
    sigpending(&pending);
    say("parent: pending %d, ran %d\n", sigismember(&pending, SIGUSR1), runs);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    say("parent: ran %d\n", runs);
    return 0;
}
