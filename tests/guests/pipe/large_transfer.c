// A million bytes pass through a pipe between two processes unchanged, whatever the sizes of the reads.
// Spec: pipe(7)
#include "../guest.h"

int main(void) {
    int ends[2], status;
    must(pipe(ends) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        static unsigned char block[50000];
        unsigned x = 1;
        close(ends[0]);
        for (int i = 0; i < 20; i++) {
            for (int j = 0; j < 50000; j++) block[j] = (x = x * 1103515245 + 12345) >> 16;
            must(write(ends[1], block, sizeof block) == sizeof block);
        }
        _exit(0);
    }
    close(ends[1]);
    unsigned char part[7001];
    unsigned x = 1, wrong = 0, total = 0;
    for (ssize_t n; (n = read(ends[0], part, sizeof part)) > 0; total += n)
        for (int i = 0; i < n; i++)
            if (part[i] != (unsigned char)((x = x * 1103515245 + 12345) >> 16)) wrong++;
    must(waitpid(pid, &status, 0) == pid);
    say("total %d, wrong %d\n", total, wrong);
    say_status("writer", status);
    return 0;
}
