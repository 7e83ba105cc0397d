// SO_PEERCRED tells the process and user at the other end of a unix stream.
// Spec: unix(7), SO_PEERCRED
#include "../guest.h"
#include <sys/socket.h>

int main(void) {
    int s[2];
    struct ucred who;
    socklen_t length = sizeof who;
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    say("asked: %s\n", result(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &who, &length)));
    say("process %d, user %d, group %d\n", who.pid == getpid(), who.uid == getuid(), who.gid == getgid());
    return 0;
}
