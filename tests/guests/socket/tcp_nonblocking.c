// A non-blocking accept, connect, read and write say so; poll tells when to go on.
// Spec: accept(2), connect(2), poll(2)
#include "../guest.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error = 7;
    must(bind(listener, (void *)&address, sizeof address) == 0 && listen(listener, 5) == 0);
    must(getsockname(listener, (void *)&address, &length) == 0);
    say("accept: %s\n", result(accept(listener, NULL, NULL)));
    int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int outcome = connect(s, (void *)&address, sizeof address);
    say("connect: %s\n", outcome == 0 || errno == EINPROGRESS ? "done or in progress" : errname(errno));
    struct pollfd client = {s, POLLOUT, 0}, server = {listener, POLLIN, 0};
    say("connected: %d\n", poll(&client, 1, 20000));
    length = sizeof error;
    must(getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &length) == 0);
    say("error: %d\n", error);
    say("waiting: %d\n", poll(&server, 1, 20000));
    int connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    must(connection >= 0);
    char byte, block[4096] = {0};
    say("nothing to read: %s\n", result(read(connection, &byte, 1)));
    say("flags: %d %d\n", fcntl(connection, F_GETFD), !!(fcntl(connection, F_GETFL) & O_NONBLOCK));
    while (write(s, block, sizeof block) > 0) {}
    say("buffers are bounded: %s\n", errname(errno));
    client.fd = connection, client.events = POLLIN;
    say("readable: %d\n", poll(&client, 1, 20000));
    return 0;
}
