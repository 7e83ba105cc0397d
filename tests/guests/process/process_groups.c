// A child starts in its parent's group and can be moved to its own or another's.
// Spec: setpgid(2), getpgid(2)
#include "../guest.h"

int main(void) {
    int gate[2];
    must(pipe(gate) == 0);
    pid_t group = getpgrp(), pids[2];
    for (int i = 0; i < 2; i++) {
        must((pids[i] = fork()) >= 0);
        if (pids[i] == 0) {
            char byte;
            close(gate[1]);
            must(read(gate[0], &byte, 1) == 0);
            _exit(getpgrp() == getpid() ? 1 : 2);
        }
    }
    say("inherited: %d\n", getpgid(pids[0]) == group && getpgid(pids[1]) == group);
    say("new group: %s\n", result(setpgid(pids[0], 0)));
    say("led by the child: %d\n", getpgid(pids[0]) == pids[0]);
    say("second joins it: %s\n", result(setpgid(pids[1], pids[0])));
    say("in it: %d\n", getpgid(pids[1]) == pids[0]);
    say("the parent stays: %d\n", getpgrp() == group && getpgid(0) == group);
    close(gate[1]);
    int status;
    must(waitpid(pids[0], &status, 0) == pids[0]);
    say_status("first", status);
    must(waitpid(pids[1], &status, 0) == pids[1]);
    say_status("second", status);
    return 0;
}
