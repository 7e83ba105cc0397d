// MSG_PEEK leaves the bytes, MSG_WAITALL waits for all, MSG_NOSIGNAL spares the process.
// Spec: recv(2), send(2)
#include "../guest.h"
#include <sys/socket.h>

int main(void) {
    int s[2];
    char text[16];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    must(send(s[0], "hello", 5, 0) == 5);
    say("peek: %d ", (int)recv(s[1], text, 3, MSG_PEEK));
    say("%.3s\n", text);
    say("peek again: %d\n", (int)recv(s[1], text, 16, MSG_PEEK));
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        must(send(s[0], " world", 6, 0) == 6);
        _exit(0);
    }
    say("all: %d ", (int)recv(s[1], text, 11, MSG_WAITALL));
    say("%.11s\n", text);
    must(waitpid(pid, NULL, 0) == pid);
    say("none: %s\n", result(recv(s[1], text, 1, MSG_DONTWAIT)));
    close(s[1]);
    say("MSG_NOSIGNAL: %s\n", result(send(s[0], "x", 1, MSG_NOSIGNAL)));
    say("not a socket: %s\n", result(send(1, "x", 1, 0)));
    pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        send(s[0], "x", 1, 0);
        _exit(0);
    }
    int status;
    must(waitpid(pid, &status, 0) == pid);
    say_status("without", status);
    return 0;
}
