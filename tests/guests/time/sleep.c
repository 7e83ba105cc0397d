// nanosleep sleeps at least as long as asked; interrupted it tells what was left.
// Spec: nanosleep(2)
#include "../guest.h"
#include <sys/time.h>
#include <time.h>

static void handler(int signal) {}

int main(void) {
    struct timespec little = {0, 30000000}, start, now, minute = {60, 0}, left = {7, 7};
    clock_gettime(CLOCK_MONOTONIC, &start);
    must(nanosleep(&little, &left) == 0);
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long ms = (now.tv_sec - start.tv_sec) * 1000LL + (now.tv_nsec - start.tv_nsec) / 1000000;
    say("long enough: %d, left untouched %d\n", ms >= 30, left.tv_sec == 7 && left.tv_nsec == 7);
    signal(SIGALRM, handler);
    struct itimerval timer = {{0, 50000}, {0, 50000}}, off = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &timer, NULL);
    say("interrupted: %s, ", result(nanosleep(&minute, &left)));
    setitimer(ITIMER_REAL, &off, NULL);
    say("left: %d\n", left.tv_sec >= 30 && left.tv_sec < 60 && left.tv_nsec >= 0);
    struct timespec bad = {0, 1000000000}, negative = {-1, 0};
    say("too many nanoseconds: %s\n", result(nanosleep(&bad, NULL)));
    say("negative: %s\n", result(nanosleep(&negative, NULL)));
    say("sleep of nothing: %d\n", sleep(0));
    return 0;
}
