// shutdown of the writing side is end of file for the peer, who may still answer.
// Spec: shutdown(2)
#include "../guest.h"
#include <poll.h>
#include <sys/socket.h>

int main(void) {
    int s[2];
    char text[16];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    signal(SIGPIPE, SIG_IGN);
    must(write(s[0], "last words", 10) == 10);
    say("shut: %s\n", result(shutdown(s[0], SHUT_WR)));
    say("write: %s\n", result(write(s[0], "x", 1)));
    say("peer reads: %d ", (int)read(s[1], text, sizeof text));
    say("%d\n", (int)read(s[1], text, sizeof text));
    must(write(s[1], "answer", 6) == 6);
    say("answer: %d\n", (int)read(s[0], text, sizeof text));
    struct pollfd one = {s[1], POLLIN | POLLOUT | POLLRDHUP, 0};
    must(poll(&one, 1, 0) == 1);
    say("poll of the peer: in %d out %d rdhup %d hup %d\n", !!(one.revents & POLLIN), !!(one.revents & POLLOUT), !!(one.revents & POLLRDHUP),
        !!(one.revents & POLLHUP));
    must(shutdown(s[0], SHUT_RD) == 0);
    say("peer writes: %s\n", result(write(s[1], "x", 1)));
    must(poll(&one, 1, 0) == 1);
    say("hup %d\n", !!(one.revents & POLLHUP));
    say("bad how: %s\n", result(shutdown(s[0], 77)));
    say("not connected: %s\n", result(shutdown(socket(AF_UNIX, SOCK_STREAM, 0), SHUT_RD)));
    return 0;
}
