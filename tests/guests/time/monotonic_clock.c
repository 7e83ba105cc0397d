// The monotonic clock never goes back; its resolution is at most a millisecond.
// Spec: clock_gettime(2), clock_getres(2)
#include "../guest.h"
#include <time.h>

int main(void) {
    struct timespec last = {0, 0}, now, resolution;
    int back = 0, bad = 0;
    for (int i = 0; i < 20000; i++) {
        must(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
        if (now.tv_sec < last.tv_sec || (now.tv_sec == last.tv_sec && now.tv_nsec < last.tv_nsec)) back++;
        if (now.tv_nsec < 0 || now.tv_nsec > 999999999) bad++;
        last = now;
    }
    say("back %d, bad %d\n", back, bad);
    must(clock_getres(CLOCK_MONOTONIC, &resolution) == 0);
    say("resolution: %d\n", resolution.tv_sec == 0 && resolution.tv_nsec > 0 && resolution.tv_nsec <= 1000000);
    say("unknown: %s ", result(clock_gettime(77, &now)));
    say("%s\n", result(clock_getres(77, &now)));
    int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
                    CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME};
    for (int i = 0; i < 8; i++) say("clock %d: %s\n", clocks[i], result(clock_gettime(clocks[i], &now)));
    return 0;
}
