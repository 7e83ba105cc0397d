// Parent and child have separate copies of all memory after fork: globals, heap and stack.
// Spec: fork(2)
#include "../guest.h"

static int global = 1;

int main(void) {
    int stack = 10;
    int *heap = malloc(100000 * sizeof *heap);
    for (int i = 0; i < 100000; i++) heap[i] = i;
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        global++, stack++;
        long sum = 0;
        for (int i = 0; i < 100000; i++) sum += heap[i] % 7, heap[i] = -1;
        say("child: %d %d %d\n", global, stack, (int)sum);
        _exit(0);
    }
    int status;
    must(waitpid(pid, &status, 0) == pid);
    long sum = 0;
    for (int i = 0; i < 100000; i++) sum += heap[i] % 7;
    say("parent: %d %d %d\n", global, stack, (int)sum);
    return 0;
}
