// SIGKILL ends a stopped process; SIGTERM waits until it is continued.
// Spec: signal(7), kill(2)
#include "../guest.h"

static pid_t stopped_child(void) {
    int status;
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        raise(SIGSTOP);
        for (;;) pause();
    }
    must(waitpid(pid, &status, WUNTRACED) == pid);
    say_status("child", status);
    return pid;
}

int main(void) {
    int status;
    pid_t pid = stopped_child();
    must(kill(pid, SIGKILL) == 0);
    must(waitpid(pid, &status, 0) == pid);
    say_status("SIGKILL", status);
    pid = stopped_child();
    must(kill(pid, SIGTERM) == 0);
    say("SIGTERM waits: %d\n", (int)waitpid(pid, &status, WNOHANG));
    must(kill(pid, SIGCONT) == 0);
    must(waitpid(pid, &status, 0) == pid);
    say_status("SIGCONT", status);
    return 0;
}
