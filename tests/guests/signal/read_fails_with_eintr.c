// A handler without SA_RESTART makes a blocked read fail with EINTR.
// Spec: signal(7), sigaction(2)
#include "../guest.h"
#include <sys/time.h>

static volatile sig_atomic_t runs;
static void handler(int signal) { runs++; }

int main(void) {
    int ends[2];
    char byte;
    must(pipe(ends) == 0);
    struct sigaction action = {.sa_handler = handler};
    must(sigaction(SIGALRM, &action, NULL) == 0);
    // It repeats, so that one coming before the read cannot hang the test.
    struct itimerval timer = {{0, 50000}, {0, 50000}};
    must(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    say("read: %s\n", result(read(ends[0], &byte, 1)));
    say("wait: %s\n", result(pause()));
    say("handler ran: %d\n", runs > 0);
    return 0;
}
