// clock_nanosleep sleeps until a moment, and not at all if that has passed.
// Spec: clock_nanosleep(2)
#include "../guest.h"
#include <time.h>

int main(void) {
    struct timespec until, now;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += 30000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    say("until: %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
    clock_gettime(CLOCK_MONOTONIC, &now);
    say("reached: %d\n", now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec));
    say("passed: %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
    struct timespec little = {0, 1000000}, bad = {0, -1};
    say("realtime: %d\n", clock_nanosleep(CLOCK_REALTIME, 0, &little, NULL));
    say("bad: %s\n", errname(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL)));
    say("unknown clock: %s\n", errname(clock_nanosleep(77, 0, &little, NULL)));
    return 0;
}
