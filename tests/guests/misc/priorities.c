// nice raises the number, a user may not lower it again, and priorities are inherited.
// Spec: nice(2), getpriority(2)
// Needs: root
#include "../guest.h"
#include <sys/resource.h>

static void user(void) {
    say("inherited: %d\n", getpriority(PRIO_PROCESS, 0));
    become(1000);
    say("up: %d\n", nice(3));
    errno = 0;
    int outcome = setpriority(PRIO_PROCESS, 0, 0);
    say("down as a user: %s\n", result(outcome));
    say("now: %d\n", getpriority(PRIO_PROCESS, 0));
}

int main(void) {
    must(setpriority(PRIO_PROCESS, 0, 5) == 0);
    in_child(user);
    must(setpriority(PRIO_PROCESS, 0, 100) == 0);
    say("clamped: %d\n", getpriority(PRIO_PROCESS, 0));
    errno = 0;
    getpriority(PRIO_PROCESS, 0x3ffffff);
    say("nobody: %s\n", errname(errno));
    say("unknown kind: %s\n", result(setpriority(77, 0, 0)));
    return 0;
}
