// vfork followed by exec or _exit works like fork.
// Spec: vfork(2)
#include "../guest.h"

int main(int argc, char **argv) {
    if (argc > 1) {
        say("second stage\n");
        return 12;
    }
    int status;
    pid_t pid = vfork();
    if (pid == 0) {
        execl(SELF, "again", "x", (char *)NULL);
        _exit(99);
    }
    must(pid > 0 && waitpid(pid, &status, 0) == pid);
    say_status("exec", status);
    if ((pid = vfork()) == 0) _exit(13);
    must(pid > 0 && waitpid(pid, &status, 0) == pid);
    say_status("_exit", status);
    return 0;
}
