// SIGKILL and SIGSTOP can be neither handled, ignored nor blocked.
// Spec: sigaction(2), sigprocmask(2)
#include "../guest.h"

static void body(void) {
    sigset_t all, now;
    sigfillset(&all);
    say("block all: %s\n", result(sigprocmask(SIG_SETMASK, &all, NULL)));
    sigprocmask(SIG_BLOCK, NULL, &now);
    say("blocked: SIGKILL %d SIGSTOP %d SIGTERM %d\n", sigismember(&now, SIGKILL), sigismember(&now, SIGSTOP), sigismember(&now, SIGTERM));
    kill(getpid(), SIGKILL);
    say("not reached\n");
}

int main(void) {
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    say("SIGKILL: %s\n", result(sigaction(SIGKILL, &ignore, NULL)));
    say("SIGSTOP: %s\n", result(sigaction(SIGSTOP, &ignore, NULL)));
    say("only asking: %s\n", result(sigaction(SIGKILL, NULL, &old)));
    say("signal 0: %s\n", result(sigaction(0, &ignore, NULL)));
    say("signal 65: %s\n", result(sigaction(65, &ignore, NULL)));
    say_status("child", in_child(body));
    return 0;
}
