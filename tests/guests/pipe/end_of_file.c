// A reader sees the end only when the last writer has closed, in whichever process it is.
// Spec: pipe(7)
#include "../guest.h"

int main(void) {
    int ends[2], gate[2];
    char text[16];
    must(pipe(ends) == 0 && pipe(gate) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        char byte;
        close(gate[1]);
        must(read(gate[0], &byte, 1) == 0);
        must(write(ends[1], "child", 5) == 5);
        _exit(0);
    }
    int copy = dup(ends[1]);
    must(write(ends[1], "parent", 6) == 6);
    close(ends[1]);
    must(write(copy, "!", 1) == 1);
    close(copy);
    say("read %d\n", (int)read(ends[0], text, sizeof text));
    close(gate[1]);
    ssize_t n = read(ends[0], text, sizeof text);
    say("read %d: %.*s\n", (int)n, (int)n, text);
    say("end: %d\n", (int)read(ends[0], text, sizeof text));
    say("still: %d\n", (int)read(ends[0], text, sizeof text));
    must(waitpid(pid, NULL, 0) == pid);
    return 0;
}
