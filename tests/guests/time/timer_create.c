// A POSIX timer sends its signal with its value, counts overruns, and can be deleted.
// Spec: timer_create(2), timer_settime(2)
#include "../guest.h"
#include <time.h>

int main(void) {
    sigset_t set;
    siginfo_t info;
    timer_t timer;
    struct timespec limit = {20, 0};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77};
    say("create: %s\n", result(timer_create(CLOCK_MONOTONIC, &event, &timer)));
    struct itimerspec time = {{0, 0}, {0, 10000000}}, left;
    must(timer_settime(timer, 0, &time, NULL) == 0);
    int got = sigtimedwait(&set, &info, &limit);
    say("%s, by a timer %d, value %d\n", signame(got), info.si_code == SI_TIMER, info.si_value.sival_int);
    must(timer_gettime(timer, &left) == 0);
    say("off afterwards: %d\n", left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
    time.it_interval.tv_nsec = time.it_value.tv_nsec = 2000000;
    must(timer_settime(timer, 0, &time, NULL) == 0);
    struct timespec pause = {0, 50000000};
    nanosleep(&pause, NULL);
    must(sigtimedwait(&set, &info, &limit) == SIGUSR1);
    say("overruns: %d\n", timer_getoverrun(timer) >= 5);
    say("delete: %s\n", result(timer_delete(timer)));
    say("unknown clock: %s\n", result(timer_create(77, &event, &timer)));
    return 0;
}
