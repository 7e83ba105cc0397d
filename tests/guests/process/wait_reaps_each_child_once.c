// wait takes any child, each one once, and then fails with ECHILD.
// Spec: wait(2)
#include "../guest.h"

int main(void) {
    unsigned seen = 0;
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork();
        must(pid >= 0);
        if (pid == 0) _exit(i);
    }
    for (int i = 0; i < 5; i++) {
        int status;
        pid_t pid = i % 2 ? wait(&status) : waitpid(-1, &status, 0);
        must(pid > 0);
        seen |= 1u << WEXITSTATUS(status);
    }
    say("statuses seen: %#x\n", seen);
    say("one more: %s\n", result(wait(NULL)));
    return 0;
}
