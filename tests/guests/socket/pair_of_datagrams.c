// Datagram and seqpacket pairs keep message boundaries; a longer message is cut and marked.
// Spec: unix(7), recv(2)
#include "../guest.h"
#include <sys/socket.h>

static void go(const char *name, int type) {
    int s[2];
    char text[16];
    must(socketpair(AF_UNIX, type, 0, s) == 0);
    must(send(s[0], "one", 3, 0) == 3 && send(s[0], "second", 6, 0) == 6 && send(s[0], "third", 5, 0) == 5);
    say("%s: %d ", name, (int)recv(s[1], text, sizeof text, 0));
    struct iovec part = {text, 4};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    say("%d ", (int)recvmsg(s[1], &message, 0));
    say("cut %d ", !!(message.msg_flags & MSG_TRUNC));
    say("%d\n", (int)recv(s[1], text, sizeof text, 0));
    say("empty: %s\n", result(recv(s[1], text, sizeof text, MSG_DONTWAIT)));
    say("empty message: %d ", (int)send(s[0], "", 0, 0));
    say("%d\n", (int)recv(s[1], text, sizeof text, MSG_DONTWAIT));
}

int main(void) {
    go("datagram", SOCK_DGRAM);
    go("seqpacket", SOCK_SEQPACKET);
    return 0;
}
