// sigsuspend waits with another mask and restores the old one before it returns.
// Spec: sigsuspend(2)
#include "../guest.h"

static volatile sig_atomic_t runs, inside;

static void handler(int signal) {
    sigset_t now;
    runs++;
    sigprocmask(SIG_BLOCK, NULL, &now);
    inside = sigismember(&now, SIGUSR1) * 10 + sigismember(&now, SIGUSR2);
}

int main(void) {
    sigset_t both, none, now;
    signal(SIGUSR1, handler);
    signal(SIGUSR2, handler);
    sigemptyset(&none);
    sigemptyset(&both);
    sigaddset(&both, SIGUSR1);
    sigaddset(&both, SIGUSR2);
    must(sigprocmask(SIG_BLOCK, &both, NULL) == 0);
    raise(SIGUSR1);
    say("blocked: %d runs\n", runs);
    sigaddset(&none, SIGUSR2);
    say("sigsuspend: %s\n", result(sigsuspend(&none)));
    say("%d runs; in the handler SIGUSR1, SIGUSR2 blocked: %02d\n", runs, inside);
    sigprocmask(SIG_BLOCK, NULL, &now);
    say("restored: %d %d\n", sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2));
    pid_t parent = getpid(), pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        kill(parent, SIGUSR2);
        _exit(0);
    }
    sigemptyset(&none);
    say("from a child: %s\n", result(sigsuspend(&none)));
    say("%d runs\n", runs);
    must(waitpid(pid, NULL, 0) == pid);
    return 0;
}
