// A blocked signal stays pending, shows in sigpending, and is delivered once when unblocked.
// Spec: sigprocmask(2), sigpending(2)
#include "../guest.h"

static volatile sig_atomic_t runs;
static void handler(int signal) { runs++; }

int main(void) {
    sigset_t set, old, pending;
    signal(SIGUSR1, handler);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    must(sigprocmask(SIG_BLOCK, &set, &old) == 0);
    say("blocked before: %d\n", sigismember(&old, SIGUSR1));
    for (int i = 0; i < 5; i++) raise(SIGUSR1);
    must(sigpending(&pending) == 0);
    say("blocked: %d runs, pending %d, SIGUSR2 pending %d\n", runs, sigismember(&pending, SIGUSR1), sigismember(&pending, SIGUSR2));
    must(sigprocmask(SIG_UNBLOCK, &set, &old) == 0);
    say("unblocked: %d runs, was blocked %d\n", runs, sigismember(&old, SIGUSR1));
    must(sigpending(&pending) == 0);
    say("pending: %d\n", sigismember(&pending, SIGUSR1));
    must(sigprocmask(SIG_SETMASK, &set, NULL) == 0);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    must(sigpending(&pending) == 0);
    say("ignoring discards it: pending %d\n", sigismember(&pending, SIGUSR1));
    say("bad how: %s\n", result(sigprocmask(77, &set, NULL)));
    say("bad how without a set: %s\n", result(sigprocmask(77, NULL, &old)));
    return 0;
}
