// A handler runs before raise and kill to oneself return.
// Spec: raise(3), kill(2), signal(7)
#include "../guest.h"

static volatile sig_atomic_t runs, last;

static void handler(int signal) {
    runs++;
    last = signal;
}

int main(void) {
    say("previous: default %d\n", signal(SIGUSR1, handler) == SIG_DFL);
    raise(SIGUSR1);
    say("after raise: %d runs, %s\n", runs, signame(last));
    kill(getpid(), SIGUSR1);
    say("after kill: %d runs\n", runs);
    for (int i = 0; i < 100; i++) raise(SIGUSR1);
    say("after a hundred: %d runs\n", runs);
    say("previous: the handler %d\n", signal(SIGUSR1, SIG_IGN) == handler);
    raise(SIGUSR1);
    say("ignored: %d runs\n", runs);
    signal(SIGUSR1, SIG_DFL);
    raise(SIGUSR1);
    say("not reached\n");
}
