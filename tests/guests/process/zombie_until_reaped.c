// A dead child keeps its id, and takes signals, until it is waited for.
// Spec: wait(2), kill(2)
#include "../guest.h"

int main(void) {
    siginfo_t info;
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) _exit(4);
    must(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0);
    say("zombie: kill 0 %s, ", result(kill(pid, 0)));
    say("SIGKILL %s\n", result(kill(pid, SIGKILL)));
    int status;
    must(waitpid(pid, &status, 0) == pid);
    say_status("child", status);
    say("reaped: %s\n", result(kill(pid, 0)));
    return 0;
}
