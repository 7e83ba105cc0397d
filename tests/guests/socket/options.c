// Socket options read back: type, family, reuse, buffers, time-outs.
// Spec: socket(7), getsockopt(2)
#include "../guest.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

static int s;

static int option(int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(s, level, name, &value, &length) == 0 ? value : -errno;
}

int main(void) {
    s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    say("type %d, family %d, listening %d, error %d\n", option(SOL_SOCKET, SO_TYPE) == SOCK_STREAM, option(SOL_SOCKET, SO_DOMAIN) == AF_INET,
        option(SOL_SOCKET, SO_ACCEPTCONN), option(SOL_SOCKET, SO_ERROR));
    say("reuse: %d", option(SOL_SOCKET, SO_REUSEADDR));
    must(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
    say(" %d\n", option(SOL_SOCKET, SO_REUSEADDR));
    must(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    say("nodelay: %d\n", option(IPPROTO_TCP, TCP_NODELAY));
    must(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0);
    say("keepalive: %d\n", option(SOL_SOCKET, SO_KEEPALIVE));
    say("buffers: %d %d\n", option(SOL_SOCKET, SO_SNDBUF) > 0, option(SOL_SOCKET, SO_RCVBUF) > 0);
    say("unknown option: %s\n", result(setsockopt(s, SOL_SOCKET, 9999, &on, sizeof on)));
    say("short value: %s\n", result(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, 1)));
    say("not a socket: %s\n", result(setsockopt(open("/dev/null", O_RDWR), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)));
    int pair[2];
    char byte;
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    struct timeval little = {0, 30000};
    must(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &little, sizeof little) == 0);
    say("read gives up: %s\n", result(read(pair[0], &byte, 1)));
    return 0;
}
