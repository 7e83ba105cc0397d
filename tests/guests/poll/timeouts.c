// poll, select and epoll_wait wait at least as long as asked, and not for ever.
// Spec: poll(2), select(2), epoll_wait(2)
#include "../guest.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>

static struct timespec start;

static void begin(void) { clock_gettime(CLOCK_MONOTONIC, &start); }

static void end(const char *what, int result, int least) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long ms = (now.tv_sec - start.tv_sec) * 1000LL + (now.tv_nsec - start.tv_nsec) / 1000000;
    say("%s: %d, long enough %d, not for ever %d\n", what, result, ms >= least, ms < 15000);
}

int main(void) {
    int ends[2];
    must(pipe(ends) == 0);
    struct pollfd one = {ends[0], POLLIN, 0};
    begin();
    end("poll", poll(&one, 1, 30), 30);
    begin();
    end("poll of nothing", poll(NULL, 0, 30), 30);
    struct timeval little = {0, 30000};
    begin();
    end("select", select(0, NULL, NULL, NULL, &little), 30);
    struct timespec exact = {0, 30000000};
    begin();
    end("ppoll", ppoll(&one, 1, &exact, NULL), 30);
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
    begin();
    end("epoll_wait", epoll_wait(epoll, &event, 1, 30), 30);
    begin();
    end("at once", poll(&one, 1, 0), 0);
    return 0;
}
