// alarm sends SIGALRM once, tells what was left of the one before, and 0 cancels it.
// Spec: alarm(2)
#include "../guest.h"

static volatile sig_atomic_t runs;
static void handler(int signal) { runs++; }

static void body(void) {
    signal(SIGALRM, SIG_DFL);
    alarm(1);
    for (;;) pause();
}

int main(void) {
    signal(SIGALRM, handler);
    say("first: %d\n", alarm(50));
    int left = alarm(100);
    say("left about fifty: %d\n", left == 50 || left == 49);
    left = alarm(0);
    say("left about a hundred: %d\n", left == 100 || left == 99);
    say("cancelled: %d\n", alarm(0));
    alarm(1);
    pause();
    say("runs: %d, left %d\n", runs, alarm(0));
    say_status("default", in_child(body));
    return 0;
}
