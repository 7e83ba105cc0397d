// Only the low eight bits of an exit status reach the parent.
// Spec: exit(3), wait(2)
#include "../guest.h"

int main(void) {
    int codes[] = {0, 1, 127, 128, 255, 256, 263, -1, 0x12345};
    for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
        pid_t pid = fork();
        must(pid >= 0);
        if (pid == 0) _exit(codes[i]);
        int status;
        must(waitpid(pid, &status, 0) == pid);
        say("exit(%d): %d, status word %#06x\n", codes[i], WEXITSTATUS(status), status);
    }
    exit(0x105);
}
