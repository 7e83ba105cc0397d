// A handler runs in a process that makes no system call.
// Spec: signal(7)
#include "../guest.h"

static volatile sig_atomic_t runs;
static void handler(int signal) { runs++; }

int main(void) {
    signal(SIGALRM, handler);
    alarm(1);
    volatile unsigned long long x = 0;
    while (runs == 0) x++;
    say("the handler ran: %d\n", runs);
    return 0;
}
