// waitpid with 0 or a negative id waits for children of that process group only.
// Spec: waitpid(2), setpgid(2)
#include "../guest.h"

static pid_t child(int code, pid_t group) {
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        if (group >= 0) setpgid(0, group);
        _exit(code);
    }
    // As a shell does: whoever is first.
    if (group >= 0) setpgid(pid, group ? group : pid);
    return pid;
}

int main(void) {
    int status;
    pid_t same = child(1, -1), other = child(2, 0), leader = child(3, 0);
    must(waitpid(-other, &status, 0) == other);
    say_status("group of the second", status);
    must(waitpid(0, &status, 0) == same);
    say_status("own group", status);
    say("own group again: %s\n", result(waitpid(0, &status, 0)));
    must(waitpid(-leader, &status, 0) == leader);
    say_status("group of the third", status);
    say("a group without children: %s\n", result(waitpid(-getpgrp(), &status, 0)));
    return 0;
}
