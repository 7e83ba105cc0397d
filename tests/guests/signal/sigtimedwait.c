// sigtimedwait takes a pending signal without running its handler, and gives up with EAGAIN.
// Spec: sigtimedwait(2), sigwait(3)
#include "../guest.h"

static volatile sig_atomic_t runs;
static void handler(int signal) { runs++; }

int main(void) {
    sigset_t set, pending;
    siginfo_t info;
    struct timespec none = {0, 0}, little = {0, 20000000}, bad = {0, 1000000000}, minute = {60, 0};
    signal(SIGUSR1, handler);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    say("nothing: %s\n", result(sigtimedwait(&set, &info, &none)));
    say("nothing in time: %s\n", result(sigtimedwait(&set, &info, &little)));
    say("bad time: %s\n", result(sigtimedwait(&set, &info, &bad)));
    kill(getpid(), SIGUSR2);
    kill(getpid(), SIGUSR1);
    say("first: %s\n", signame(sigtimedwait(&set, &info, &minute)));
    say("info: %s, from itself %d\n", signame(info.si_signo), info.si_pid == getpid());
    int number = 0, error = sigwait(&set, &number);
    say("second: %d %s\n", error, signame(number));
    sigpending(&pending);
    say("left: %d %d, handlers ran %d\n", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGUSR2), runs);
    return 0;
}
