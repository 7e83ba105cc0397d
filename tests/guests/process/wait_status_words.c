// The status words of exit, signal, stop and continue have Linux's encoding.
// Spec: wait(2), <sys/wait.h>
#include "../guest.h"

int main(void) {
    int status;
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        raise(SIGSTOP);
        pause();
        _exit(0);
    }
    must(waitpid(pid, &status, WUNTRACED) == pid);
    say("stopped: %#x stopped %d exited %d signaled %d\n", status, WIFSTOPPED(status), WIFEXITED(status), WIFSIGNALED(status));
    must(kill(pid, SIGCONT) == 0);
    must(waitpid(pid, &status, WCONTINUED) == pid);
    say("continued: %#x continued %d\n", status, WIFCONTINUED(status));
    must(kill(pid, SIGTERM) == 0);
    must(waitpid(pid, &status, 0) == pid);
    say("killed: %#x signal %d\n", status, WTERMSIG(status));
    if ((pid = fork()) == 0) _exit(42);
    must(waitpid(pid, &status, 0) == pid);
    say("exited: %#x\n", status);
    return 0;
}
