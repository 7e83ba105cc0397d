// A process that asked to be a subreaper becomes the parent of its orphaned descendants.
// Spec: prctl(2), PR_SET_CHILD_SUBREAPER
#include "../guest.h"
#include <sys/prctl.h>

int main(void) {
    int status, is = 0, gate[2];
    must(pipe(gate) == 0);
    pid_t self = getpid();
    say("set: %s\n", result(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)));
    prctl(PR_GET_CHILD_SUBREAPER, &is, 0, 0, 0);
    say("get: %d\n", is);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        if (fork() == 0) {
            char byte;
            close(gate[1]);
            must(read(gate[0], &byte, 1) == 0);
            _exit(getppid() == self ? 6 : 7);
        }
        _exit(5);
    }
    must(waitpid(pid, &status, 0) == pid);
    say_status("child", status);
    close(gate[1]);
    must(wait(&status) > 0);
    say_status("grandchild", status);
    return 0;
}
