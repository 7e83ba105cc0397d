// While SIGCHLD is ignored children leave no zombie: wait blocks until all are gone and says ECHILD.
// Spec: sigaction(2), wait(2) NOTES
#include "../guest.h"

int main(void) {
    must(signal(SIGCHLD, SIG_IGN) == SIG_DFL);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) _exit(3);
    int status;
    say("ignored: %s\n", result(waitpid(pid, &status, 0)));
    say("gone: %s\n", result(kill(pid, 0)));
    struct sigaction action = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
    must(sigaction(SIGCHLD, &action, NULL) == 0);
    must((pid = fork()) >= 0);
    if (pid == 0) _exit(3);
    say("SA_NOCLDWAIT: %s\n", result(waitpid(pid, &status, 0)));
    must(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
    must((pid = fork()) >= 0);
    if (pid == 0) _exit(3);
    must(waitpid(pid, &status, 0) == pid);
    say_status("default", status);
    return 0;
}
