// setitimer repeats, can be read and can be stopped.
// Spec: setitimer(2)
#include "../guest.h"
#include <sys/time.h>

static volatile sig_atomic_t runs;
static void handler(int signal) { runs++; }

int main(void) {
    signal(SIGALRM, handler);
    struct itimerval timer = {{0, 20000}, {0, 10000}}, old;
    must(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    while (runs < 3) pause();
    must(getitimer(ITIMER_REAL, &old) == 0);
    say("interval: %d.%06d\n", (int)old.it_interval.tv_sec, (int)old.it_interval.tv_usec);
    say("left at most that: %d\n", old.it_value.tv_sec == 0 && old.it_value.tv_usec <= 20000);
    struct itimerval off = {{0, 0}, {0, 0}};
    must(setitimer(ITIMER_REAL, &off, &old) == 0);
    say("old interval: %d\n", (int)old.it_interval.tv_usec);
    must(getitimer(ITIMER_REAL, &old) == 0);
    say("stopped: %d %d\n", (int)old.it_value.tv_sec, (int)old.it_value.tv_usec);
    struct itimerval bad = {{0, 0}, {0, 1000000}};
    say("a million microseconds: %s\n", result(setitimer(ITIMER_REAL, &bad, NULL)));
    say("unknown timer: %s\n", result(setitimer(77, &timer, NULL)));
    return 0;
}
