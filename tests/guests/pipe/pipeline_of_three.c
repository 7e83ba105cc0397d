// Three processes joined by two pipes, as a shell joins them.
// Spec: pipe(2), dup2(2)
#include "../guest.h"

static void stage(int in, int out, int (*work)(int)) {
    char byte;
    must(dup2(in, 0) == 0 && dup2(out, 1) == 1);
    for (int fd = 3; fd < 10; fd++) close(fd);
    while (read(0, &byte, 1) == 1) {
        byte = work(byte);
        if (byte) must(write(1, &byte, 1) == 1);
    }
    _exit(0);
}

static int upper(int c) { return c >= 'a' && c <= 'z' ? c - 32 : c; }
static int no_vowels(int c) { return strchr("AEIOU", c) ? 0 : c; }

int main(void) {
    int first[2], second[2];
    must(pipe(first) == 0 && pipe(second) == 0);
    pid_t pids[3];
    if ((pids[0] = fork()) == 0) {
        close(first[0]);
        must(write(first[1], "the quick brown fox\n", 20) == 20);
        _exit(0);
    }
    if ((pids[1] = fork()) == 0) stage(first[0], second[1], upper);
    if ((pids[2] = fork()) == 0) stage(second[0], 1, no_vowels);
    close(first[0]), close(first[1]), close(second[0]), close(second[1]);
    int statuses[3];
    for (int i = 0; i < 3; i++) must(waitpid(pids[i], &statuses[i], 0) == pids[i]);
    for (int i = 0; i < 3; i++) say_status("stage", statuses[i]);
    return 0;
}
