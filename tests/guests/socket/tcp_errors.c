// Connecting where nobody listens is refused; a port is bound once.
// Spec: connect(2), bind(2), tcp(7)
#include "../guest.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    char byte;
    int a = socket(AF_INET, SOCK_STREAM, 0), b = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(a, (void *)&address, sizeof address) == 0 && getsockname(a, (void *)&address, &length) == 0);
    say("bound but not listening: %s\n", result(connect(b, (void *)&address, sizeof address)));
    must(listen(a, 1) == 0);
    say("port in use: %s\n", result(bind(c, (void *)&address, sizeof address)));
    say("not connected: write %s, ", (signal(SIGPIPE, SIG_IGN), result(write(c, "x", 1))));
    say("read %s, ", result(read(c, &byte, 1)));
    say("getpeername %s\n", result(getpeername(c, (void *)&address, &length)));
    length = sizeof address;
    must(getsockname(a, (void *)&address, &length) == 0);
    say("connect: %s\n", result(connect(c, (void *)&address, sizeof address)));
    say("again: %s\n", result(connect(c, (void *)&address, sizeof address)));
    address.sin_family = AF_UNIX;
    say("wrong family: %s\n", result(connect(b, (void *)&address, sizeof address)));
    address.sin_family = AF_INET;
    say("short address: %s\n", result(connect(b, (void *)&address, 4)));
    address.sin_addr.s_addr = inet_addr("203.0.113.1");
    say("not an address of this machine: %s\n", result(bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&address, sizeof address)));
    return 0;
}
