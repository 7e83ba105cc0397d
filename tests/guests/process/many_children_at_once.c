// Forty children live at once and every one is reaped with its own status.
// Spec: fork(2), wait(2)
#include "../guest.h"

int main(void) {
    enum { COUNT = 40 };
    int gate[2], sum = 0, mismatches = 0;
    pid_t pids[COUNT];
    must(pipe(gate) == 0);
    for (int i = 0; i < COUNT; i++) {
        must((pids[i] = fork()) >= 0);
        if (pids[i] == 0) {
            char byte;
            close(gate[1]);
            must(read(gate[0], &byte, 1) == 0);
            _exit(i);
        }
    }
    close(gate[1]);
    for (int i = 0; i < COUNT; i++) {
        int status;
        pid_t pid = wait(&status);
        sum += WEXITSTATUS(status);
        if (pids[WEXITSTATUS(status)] != pid) mismatches++;
    }
    say("sum %d, mismatches %d\n", sum, mismatches);
    return 0;
}
