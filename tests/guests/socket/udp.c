// UDP datagrams over the loopback keep their boundaries and name their sender.
// Spec: udp(7)
#include "../guest.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

int main(void) {
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, from;
    socklen_t length = sizeof server;
    char text[16];
    int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
    must(bind(s, (void *)&server, sizeof server) == 0 && getsockname(s, (void *)&server, &length) == 0);
    must(sendto(c, "one", 3, 0, (void *)&server, length) == 3 && sendto(c, "three", 5, 0, (void *)&server, length) == 5);
    ssize_t n = recvfrom(s, text, sizeof text, 0, (void *)&from, &length);
    say("first: %.*s from %s\n", (int)n, text, inet_ntoa(from.sin_addr));
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    must(getsockname(c, (void *)&own, &size) == 0);
    say("its port: %d\n", own.sin_port == from.sin_port && own.sin_port != 0);
    say("second, cut: %d\n", (int)recv(s, text, 2, 0));
    say("rest is lost: %s\n", result(recv(s, text, sizeof text, MSG_DONTWAIT)));
    must(sendto(s, "back", 4, 0, (void *)&from, length) == 4);
    say("answer: %d\n", (int)recv(c, text, sizeof text, 0));
    must(connect(c, (void *)&server, length) == 0 && send(c, "connected", 9, 0) == 9);
    say("connected: %d\n", (int)recv(s, text, sizeof text, 0));
    say("no address: %s\n", result(send(s, "x", 1, 0)));
    return 0;
}
