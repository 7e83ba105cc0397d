// waitid tells who ended and how, and leaves the child to be waited for with WNOWAIT.
// Spec: waitid(2)
#include "../guest.h"

static void tell(const char *what, siginfo_t *info, pid_t pid) {
    say("%s: signal %s, code %d, status %d, the child's id %d\n", what, signame(info->si_signo), info->si_code, info->si_status,
        info->si_pid == pid);
}

int main(void) {
    siginfo_t info;
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) _exit(5);
    must(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0);
    tell("peek", &info, pid);
    must(waitid(P_ALL, 0, &info, WEXITED) == 0);
    tell("take", &info, pid);
    say("again: %s\n", result(waitid(P_PID, pid, &info, WEXITED)));
    if ((pid = fork()) == 0) {
        raise(SIGTERM);
        _exit(0);
    }
    must(waitid(P_PID, pid, &info, WEXITED) == 0);
    tell("killed", &info, pid);
    if ((pid = fork()) == 0) pause();
    info.si_pid = 77;
    must(waitid(P_PID, pid, &info, WEXITED | WNOHANG) == 0);
    say("still running: si_pid %d\n", info.si_pid);
    kill(pid, SIGKILL);
    must(waitid(P_PID, pid, &info, WEXITED) == 0);
    tell("killed", &info, pid);
    return 0;
}
