// A chain of eight generations: each waits for its child and adds one to its status.
// Spec: fork(2), wait(2)
#include "../guest.h"

static int generation(int depth) {
    if (depth == 0) return 1;
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) _exit(generation(depth - 1));
    int status;
    must(waitpid(pid, &status, 0) == pid);
    say("depth %d: child said %d\n", depth, WEXITSTATUS(status));
    return WEXITSTATUS(status) + 1;
}

int main(void) {
    return generation(8);
}
