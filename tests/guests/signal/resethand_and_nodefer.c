// SA_RESETHAND handles one signal only; SA_NODEFER lets a handler be interrupted by its own signal.
// Spec: sigaction(2)
#include "../guest.h"

static volatile sig_atomic_t depth, deepest, runs;

static void once(int signal) {
    struct sigaction now;
    sigaction(signal, NULL, &now);
    say("in the handler: default again %d\n", now.sa_handler == SIG_DFL);
}

static void nested(int signal) {
    if (++depth > deepest) deepest = depth;
    if (++runs < 4) raise(signal);
    depth--;
}

static void reset(void) {
    struct sigaction action = {.sa_handler = once, .sa_flags = SA_RESETHAND};
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    raise(SIGUSR1);
    say("not reached\n");
}

int main(void) {
    say_status("SA_RESETHAND", in_child(reset));
    struct sigaction action = {.sa_handler = nested, .sa_flags = SA_NODEFER};
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    say("SA_NODEFER: %d runs, depth %d\n", runs, deepest);
    action.sa_flags = 0;
    sigaction(SIGUSR2, &action, NULL);
    runs = deepest = 0;
    raise(SIGUSR2);
    say("without: %d runs, depth %d\n", runs, deepest);
    return 0;
}
