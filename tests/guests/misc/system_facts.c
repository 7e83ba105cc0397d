// sysinfo and sysconf give sane numbers.
// Spec: sysinfo(2), sysconf(3)
#include "../guest.h"
#include <sys/sysinfo.h>

int main(void) {
    struct sysinfo info;
    must(sysinfo(&info) == 0);
    say("memory: %d, free at most that: %d\n", info.totalram > 0, info.freeram <= info.totalram);
    say("processes: %d, uptime: %d, unit: %d\n", info.procs > 0, info.uptime >= 0, info.mem_unit > 0);
    say("page %d\n", (int)sysconf(_SC_PAGESIZE));
    say("processors: %d\n", sysconf(_SC_NPROCESSORS_ONLN) >= 1 && sysconf(_SC_NPROCESSORS_CONF) >= sysconf(_SC_NPROCESSORS_ONLN));
    say("arguments: %d\n", sysconf(_SC_ARG_MAX) >= 131072);
    say("open files as the limit: %d\n", sysconf(_SC_OPEN_MAX) > 0);
    say("unknown: %s\n", result(sysconf(77777)));
    return 0;
}
