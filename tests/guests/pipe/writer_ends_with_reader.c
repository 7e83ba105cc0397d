// A writer blocked on a full pipe is killed by SIGPIPE when the reader goes away.
// Spec: pipe(7), signal(7)
#include "../guest.h"

int main(void) {
    int ends[2], status;
    char byte;
    must(pipe(ends) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        static char block[1000];
        close(ends[0]);
        for (;;) must(write(ends[1], block, sizeof block) > 0);
    }
    close(ends[1]);
    must(read(ends[0], &byte, 1) == 1);
    close(ends[0]);
    must(waitpid(pid, &status, 0) == pid);
    say_status("writer", status);
    return 0;
}
