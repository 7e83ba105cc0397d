// A stream socketpair carries bytes both ways; closing one end is end of file for the other.
// Spec: socketpair(2), unix(7)
#include "../guest.h"
#include <sys/socket.h>

int main(void) {
    int s[2];
    char text[32];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    must(write(s[0], "ab", 2) == 2 && write(s[0], "cd", 2) == 2 && write(s[1], "xyz", 3) == 3);
    ssize_t n = read(s[1], text, sizeof text);
    say("one way: %.*s\n", (int)n, text);
    n = read(s[0], text, sizeof text);
    say("other way: %.*s\n", (int)n, text);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        close(s[0]);
        n = read(s[1], text, sizeof text);
        for (int i = 0; i < n; i++) text[i] -= 32;
        must(write(s[1], text, n) == n);
        _exit(0);
    }
    close(s[1]);
    must(write(s[0], "shout", 5) == 5);
    n = read(s[0], text, sizeof text);
    say("answer: %.*s\n", (int)n, text);
    say("end: %d\n", (int)read(s[0], text, sizeof text));
    must(waitpid(pid, NULL, 0) == pid);
    signal(SIGPIPE, SIG_IGN);
    say("write: %s\n", result(write(s[0], "x", 1)));
    return 0;
}
