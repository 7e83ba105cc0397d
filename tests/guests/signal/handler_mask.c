// While a handler runs its own signal and those of sa_mask are blocked, and come after it.
// Spec: sigaction(2), sa_mask
#include "../guest.h"

static void second(int signal) { say("second: %s\n", signame(signal)); }

static void first(int signal) {
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    say("first begins: blocked %d %d %d\n", sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2), sigismember(&now, SIGTERM));
    raise(SIGUSR2);
    raise(SIGHUP);
    say("first ends\n");
}

int main(void) {
    struct sigaction action = {.sa_handler = first};
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &action, NULL);
    signal(SIGUSR2, second);
    signal(SIGHUP, second);
    raise(SIGUSR1);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    say("afterwards: blocked %d %d\n", sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2));
    struct sigaction old;
    sigaction(SIGUSR1, NULL, &old);
    say("the action reads back: handler %d, mask %d %d\n", old.sa_handler == first, sigismember(&old.sa_mask, SIGUSR2),
        sigismember(&old.sa_mask, SIGTERM));
    return 0;
}
