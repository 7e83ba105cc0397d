// fork returns 0 in the child and the child's id in the parent.
// Spec: fork(2), getppid(2)
#include "../guest.h"

int main(void) {
    pid_t parent = getpid();
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        say("child: own id differs %d, getppid is the parent %d\n", getpid() != parent, getppid() == parent);
        _exit(7);
    }
    int status;
    pid_t waited = waitpid(pid, &status, 0);
    say("parent: waited for it %d, own id unchanged %d\n", waited == pid, getpid() == parent);
    say_status("child", status);
    return 0;
}
