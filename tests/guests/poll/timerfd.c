// A timerfd becomes readable when it expires and counts expirations.
// Spec: timerfd_create(2)
#include "../guest.h"
#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>

int main(void) {
    uint64_t count = 0;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    must(fd >= 0);
    struct pollfd one = {fd, POLLIN, 0};
    struct itimerspec time = {{0, 0}, {0, 20000000}}, now;
    say("not set: %s\n", result(read(fd, &count, 8)));
    must(timerfd_settime(fd, 0, &time, NULL) == 0);
    say("wait: %d\n", poll(&one, 1, 20000));
    must(read(fd, &count, 8) == 8);
    say("expired: %d\n", (int)count);
    say("again: %s\n", result(read(fd, &count, 8)));
    time.it_interval.tv_nsec = 5000000, time.it_value.tv_nsec = 5000000;
    must(timerfd_settime(fd, 0, &time, NULL) == 0);
    struct timespec pause = {0, 60000000};
    nanosleep(&pause, NULL);
    must(read(fd, &count, 8) == 8);
    say("several: %d\n", count >= 10);
    must(timerfd_gettime(fd, &now) == 0);
    say("interval: %d, left at most that %d\n", (int)now.it_interval.tv_nsec, now.it_value.tv_nsec <= 5000000);
    struct timespec base;
    clock_gettime(CLOCK_MONOTONIC, &base);
    struct itimerspec past = {{0, 0}, {base.tv_sec - 1 > 0 ? base.tv_sec - 1 : 0, 1}};
    must(timerfd_settime(fd, TFD_TIMER_ABSTIME, &past, NULL) == 0);
    say("absolute, passed: %d\n", poll(&one, 1, 20000));
    struct itimerspec off = {{0, 0}, {0, 0}};
    must(timerfd_settime(fd, 0, &off, NULL) == 0);
    say("off: %s\n", result(read(fd, &count, 8)));
    say("unknown clock: %s\n", result(timerfd_create(77, 0)));
    struct itimerspec bad = {{0, 0}, {0, 1000000000}};
    say("bad time: %s\n", result(timerfd_settime(fd, 0, &bad, NULL)));
    return 0;
}
