// Up to PIPE_BUF bytes are written whole or not at all; a longer write may be cut.
// Spec: pipe(7), PIPE_BUF
#include "../guest.h"
#include <limits.h>

int main(void) {
    static char block[65536];
    int ends[2];
    must(pipe2(ends, O_NONBLOCK) == 0);
    say("PIPE_BUF %d\n", PIPE_BUF);
    must(write(ends[1], block, 65536) == 65536);
    must(read(ends[0], block, 4096) == 4096);
    must(write(ends[1], block, 1) == 1);
    say("4096 into less room: %s\n", result(write(ends[1], block, 4096)));
    // Four writers of 100-byte lines: no line is torn.
    int shared[2], torn = 0, lines = 0;
    must(pipe(shared) == 0);
    for (int i = 0; i < 4; i++) {
        pid_t pid = fork();
        must(pid >= 0);
        if (pid == 0) {
            char line[100];
            memset(line, 'a' + i, 99);
            line[99] = '\n';
            for (int j = 0; j < 200; j++) must(write(shared[1], line, 100) == 100);
            _exit(0);
        }
    }
    close(shared[1]);
    FILE *in = fdopen(shared[0], "r");
    char line[256];
    while (fgets(line, sizeof line, in)) {
        lines++;
        for (int i = 0; i < 99; i++)
            if (line[i] != line[0]) torn = 1;
    }
    while (wait(NULL) > 0) {}
    say("lines %d, torn %d\n", lines, torn);
    return 0;
}
