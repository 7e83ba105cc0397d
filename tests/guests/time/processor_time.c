// Computing uses processor time, sleeping does not; times and getrusage agree.
// Spec: times(2), getrusage(2), clock(3)
#include "../guest.h"
#include <sys/resource.h>
#include <sys/times.h>
#include <time.h>

static long long used(void) {
    struct rusage usage;
    must(getrusage(RUSAGE_SELF, &usage) == 0);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

int main(void) {
    struct timespec before, after, pause = {0, 200000000};
    struct tms ticks;
    long long start = used();
    must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before) == 0);
    volatile unsigned x = 0;
    for (int i = 0; i < 30000000; i++) x += i;
    must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after) == 0);
    long long worked = (after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec;
    say("work takes time: %d\n", worked > 1000000);
    long long then = used();
    nanosleep(&pause, NULL);
    say("sleep takes little: %d\n", used() - then < 100000);
    say("usage grew: %d\n", then >= start);
    must(times(&ticks) != (clock_t)-1);
    say("ticks a second: %d, not negative %d\n", (int)sysconf(_SC_CLK_TCK), (long)ticks.tms_utime >= 0 && (long)ticks.tms_cutime >= 0);
    say("clock: %d\n", clock() > 0);
    return 0;
}
