// The wall clocks agree with each other and lie between 2020 and 2200.
// Spec: time(2), gettimeofday(2), clock_gettime(2)
#include "../guest.h"
#include <sys/time.h>
#include <time.h>

int main(void) {
    time_t first = time(NULL), stored;
    struct timeval micro;
    struct timespec nano;
    must(gettimeofday(&micro, NULL) == 0 && clock_gettime(CLOCK_REALTIME, &nano) == 0);
    time_t last = time(&stored);
    say("in order: %d\n", first <= micro.tv_sec && micro.tv_sec <= nano.tv_sec && nano.tv_sec <= last && stored == last);
    say("plausible: %d\n", first > 1577836800 && first < 7258118400LL);
    say("microseconds: %d\n", micro.tv_usec >= 0 && micro.tv_usec < 1000000);
    put("f", "x");
    struct stat about;
    must(stat("f", &about) == 0);
    say("a file is made now: %d\n", about.st_mtim.tv_sec >= first - 1 && about.st_mtim.tv_sec <= first + 60);
    struct tm *parts = gmtime(&(time_t){1000000000});
    say("%04d-%02d-%02d %02d:%02d:%02d\n", parts->tm_year + 1900, parts->tm_mon + 1, parts->tm_mday, parts->tm_hour, parts->tm_min, parts->tm_sec);
    return 0;
}
