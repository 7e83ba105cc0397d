// Limits can be read, lowered and raised to the hard limit; children inherit them.
// Spec: getrlimit(2), prlimit(2)
// Needs: root
#include "../guest.h"
#include <sys/resource.h>

static void user(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    say("inherited: %d %d\n", (int)limit.rlim_cur, (int)limit.rlim_max);
    become(1000);
    limit.rlim_cur = limit.rlim_max;
    say("up to the hard limit: %s\n", result(setrlimit(RLIMIT_NOFILE, &limit)));
    limit.rlim_max++;
    say("hard limit up, as a user: %s\n", result(setrlimit(RLIMIT_NOFILE, &limit)));
    limit.rlim_cur = limit.rlim_max = 50;
    say("hard limit down: %s\n", result(setrlimit(RLIMIT_NOFILE, &limit)));
    limit.rlim_cur = 51;
    say("soft above hard: %s\n", result(setrlimit(RLIMIT_NOFILE, &limit)));
}

int main(void) {
    struct rlimit limit = {100, 200}, old;
    must(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    in_child(user);
    must(prlimit(0, RLIMIT_NOFILE, NULL, &old) == 0);
    say("the parent keeps its own: %d %d\n", (int)old.rlim_cur, (int)old.rlim_max);
    say("unknown resource: %s\n", result(getrlimit(77, &limit)));
    int all[] = {RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_NPROC, RLIMIT_AS};
    for (int i = 0; i < 7; i++) {
        must(getrlimit(all[i], &limit) == 0);
        say("resource %d: soft within hard %d\n", all[i], limit.rlim_cur <= limit.rlim_max);
    }
    struct rlimit big = {5000000000ULL, RLIM_INFINITY};
    must(setrlimit(RLIMIT_FSIZE, &big) == 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0);
    say("64 bits: %llu, infinite %d\n", (unsigned long long)limit.rlim_cur, limit.rlim_max == RLIM_INFINITY);
    return 0;
}
