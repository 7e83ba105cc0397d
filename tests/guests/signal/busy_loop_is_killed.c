// A process that makes no system call is still ended and stopped by signals.
// Spec: signal(7)
#include "../guest.h"

static void spin(void) {
    for (volatile unsigned x = 0;; x++) {}
}

int main(void) {
    int status;
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) spin();
    must(kill(pid, SIGTERM) == 0);
    must(waitpid(pid, &status, 0) == pid);
    say_status("spinning child", status);
    must((pid = fork()) >= 0);
    if (pid == 0) spin();
    must(kill(pid, SIGSTOP) == 0);
    must(waitpid(pid, &status, WUNTRACED) == pid);
    say_status("another", status);
    must(kill(pid, SIGCONT) == 0);
    must(waitpid(pid, &status, WCONTINUED) == pid);
    say_status("another", status);
    must(kill(pid, SIGKILL) == 0);
    must(waitpid(pid, &status, 0) == pid);
    say_status("another", status);
    return 0;
}
