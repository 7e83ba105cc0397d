// SIGSTOP stops a child, SIGCONT continues it; the parent sees both, each once.
// Spec: waitpid(2), WUNTRACED, WCONTINUED
#include "../guest.h"
#include <poll.h>

int main(void) {
    int gate[2], out[2], status;
    must(pipe(gate) == 0 && pipe(out) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        char byte;
        close(gate[1]);
        must(read(gate[0], &byte, 1) == 1 && write(out[1], "r", 1) == 1);
        must(read(gate[0], &byte, 1) == 1);
        _exit(14);
    }
    must(kill(pid, SIGSTOP) == 0);
    must(waitpid(pid, &status, WUNTRACED) == pid);
    say_status("child", status);
    say("told once: %d\n", (int)waitpid(pid, &status, WUNTRACED | WNOHANG));
    must(write(gate[1], "x", 1) == 1);
    struct pollfd one = {out[0], POLLIN, 0};
    say("stopped it does not run: %d\n", poll(&one, 1, 50));
    must(kill(pid, SIGTSTP) == 0);
    must(kill(pid, SIGCONT) == 0);
    must(waitpid(pid, &status, WCONTINUED) == pid);
    say_status("child", status);
    say("now it does: %d\n", poll(&one, 1, 20000));
    must(write(gate[1], "x", 1) == 1);
    must(waitpid(pid, &status, WUNTRACED) == pid);
    say_status("child", status);
    return 0;
}
