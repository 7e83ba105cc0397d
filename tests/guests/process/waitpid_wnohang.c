// With WNOHANG waitpid returns 0 while the child runs, and takes it once it has ended.
// Spec: waitpid(2)
#include "../guest.h"

int main(void) {
    int gate[2], status = 0x55;
    must(pipe(gate) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        char byte;
        close(gate[1]);
        must(read(gate[0], &byte, 1) == 0);
        _exit(9);
    }
    close(gate[0]);
    say("running: %d\n", (int)waitpid(pid, &status, WNOHANG));
    say("any child: %d\n", (int)waitpid(-1, &status, WNOHANG));
    say("status untouched: %d\n", status == 0x55);
    close(gate[1]);
    must(waitpid(pid, &status, 0) == pid);
    say_status("child", status);
    say("afterwards: %s\n", result(waitpid(pid, &status, WNOHANG)));
    return 0;
}
