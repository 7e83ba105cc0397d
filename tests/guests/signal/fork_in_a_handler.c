// A handler may fork.
// Spec: signal-safety(7)
#include "../guest.h"

static void handler(int signal) {
    pid_t pid = fork();
    if (pid < 0) {
        say("fork: %s\n", errname(errno));
        return;
    }
    if (pid == 0) _exit(5);
    int status;
    must(waitpid(pid, &status, 0) == pid);
    say_status("child", status);
}

int main(void) {
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    return 0;
}
