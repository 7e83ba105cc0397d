// A handler with SA_RESTART lets a blocked read go on after it.
// Spec: signal(7), SA_RESTART
#include "../guest.h"
#include <sys/time.h>

static int ends[2];
static volatile sig_atomic_t runs;

static void handler(int signal) {
    if (++runs == 3) write(ends[1], "x", 1);
}

int main(void) {
    char byte = 0;
    must(pipe(ends) == 0);
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    must(sigaction(SIGALRM, &action, NULL) == 0);
    struct itimerval timer = {{0, 40000}, {0, 40000}};
    must(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    ssize_t n = read(ends[0], &byte, 1);
    say("read: %d, %c\n", (int)n, byte);
    say("at least three signals: %d\n", runs >= 3);
    return 0;
}
