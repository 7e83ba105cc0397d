// SA_RESTART never restarts pause, poll, nanosleep and sigsuspend.
// Spec: signal(7), "Interruption of system calls"
#include "../guest.h"
#include <poll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>

static void handler(int signal) {}

int main(void) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    must(sigaction(SIGALRM, &action, NULL) == 0);
    struct itimerval timer = {{0, 30000}, {0, 30000}};
    must(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    int ends[2];
    must(pipe(ends) == 0);
    struct pollfd poller = {ends[0], POLLIN, 0};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    struct timespec minute = {60, 0};
    sigset_t none;
    sigemptyset(&none);
    say("pause: %s\n", result(pause()));
    say("poll: %s\n", result(poll(&poller, 1, 60000)));
    say("select: %s\n", result(select(ends[0] + 1, &set, NULL, NULL, NULL)));
    say("nanosleep: %s\n", result(nanosleep(&minute, NULL)));
    say("sigsuspend: %s\n", result(sigsuspend(&none)));
    return 0;
}
