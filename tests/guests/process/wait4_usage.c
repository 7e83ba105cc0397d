// wait4 gives the child's resource usage, and getrusage adds those of all children waited for.
// Spec: wait4(2), getrusage(2)
#include "../guest.h"
#include <sys/resource.h>

int main(void) {
    struct rusage usage, all;
    memset(&usage, 0x55, sizeof usage);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        volatile unsigned x = 0;
        for (int i = 0; i < 3000000; i++) x += i;
        _exit(0);
    }
    int status;
    must(wait4(pid, &status, 0, &usage) == pid);
    say("microseconds in range: %d\n", usage.ru_utime.tv_usec >= 0 && usage.ru_utime.tv_usec < 1000000);
    say("seconds plausible: %d\n", usage.ru_utime.tv_sec >= 0 && usage.ru_utime.tv_sec < 60);
    must(getrusage(RUSAGE_CHILDREN, &all) == 0);
    long long mine = all.ru_utime.tv_sec * 1000000LL + all.ru_utime.tv_usec;
    long long its = usage.ru_utime.tv_sec * 1000000LL + usage.ru_utime.tv_usec;
    say("used some time: %d\n", its > 0 || usage.ru_stime.tv_usec > 0);
    say("children's sum holds it: %d\n", mine >= its);
    say("unknown target: %s\n", result(getrusage(77, &all)));
    return 0;
}
