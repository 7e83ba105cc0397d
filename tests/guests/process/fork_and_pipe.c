// A child that reads requests from one pipe and answers through another.
// Spec: fork(2), pipe(2)
#include "../guest.h"

int main(void) {
    int to[2], from[2];
    must(pipe(to) == 0 && pipe(from) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        unsigned char byte;
        close(to[1]), close(from[0]);
        while (read(to[0], &byte, 1) == 1) {
            byte *= 2;
            must(write(from[1], &byte, 1) == 1);
        }
        _exit(11);
    }
    close(to[0]), close(from[1]);
    for (unsigned char i = 1; i < 100; i += 33) {
        unsigned char answer;
        must(write(to[1], &i, 1) == 1 && read(from[0], &answer, 1) == 1);
        say("%d -> %d\n", i, answer);
    }
    close(to[1]);
    int status;
    must(waitpid(pid, &status, 0) == pid);
    say_status("child", status);
    return 0;
}
