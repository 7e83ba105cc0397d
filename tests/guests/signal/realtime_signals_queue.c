// Real-time signals queue with their values, the lowest number first; standard ones do not.
// Spec: signal(7), "Real-time signals"
#include "../guest.h"

static void handler(int signal, siginfo_t *info, void *context) {
    say("SIGRTMIN+%d value %d\n", signal - SIGRTMIN, info->si_value.sival_int);
}

static volatile sig_atomic_t runs;
static void count(int signal) { runs++; }

int main(void) {
    sigset_t all, old;
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigfillset(&action.sa_mask);
    for (int i = 1; i <= 3; i++) must(sigaction(SIGRTMIN + i, &action, NULL) == 0);
    signal(SIGUSR1, count);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    int order[] = {3, 1, 2, 1, 3, 2, 1};
    for (int i = 0; i < 7; i++) {
        union sigval value = {.sival_int = i};
        must(sigqueue(getpid(), SIGRTMIN + order[i], value) == 0);
        raise(SIGUSR1);
    }
    // One at a time: several delivered together would be stacked, and run last first.
    sigset_t wait;
    for (int i = 0; i < 7; i++) {
        siginfo_t info;
        sigemptyset(&wait);
        for (int j = 1; j <= 3; j++) sigaddset(&wait, SIGRTMIN + j);
        int signal = sigwaitinfo(&wait, &info);
        handler(signal, &info, NULL);
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    say("SIGUSR1 ran %d\n", runs);
    return 0;
}
