// A waiting poll is woken when another process writes, and when it ends.
// Spec: poll(2)
#include "../guest.h"
#include <poll.h>

int main(void) {
    int ends[2], back[2];
    char byte;
    must(pipe(ends) == 0 && pipe(back) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        close(ends[0]), close(back[1]);
        must(read(back[0], &byte, 1) == 1);
        must(write(ends[1], "a", 1) == 1);
        must(read(back[0], &byte, 1) == 1);
        _exit(0);
    }
    close(ends[1]), close(back[0]);
    struct pollfd one = {ends[0], POLLIN, 0};
    say("before: %d\n", poll(&one, 1, 0));
    must(write(back[1], "g", 1) == 1);
    int n = poll(&one, 1, 20000);
    say("woken: %d, in %d\n", n, one.revents == POLLIN);
    must(read(ends[0], &byte, 1) == 1);
    must(write(back[1], "g", 1) == 1);
    n = poll(&one, 1, 20000);
    say("its end: %d, hup %d\n", n, one.revents == POLLHUP);
    must(waitpid(pid, NULL, 0) == pid);
    return 0;
}
