// Datagrams to a named socket carry the sender's name.
// Spec: unix(7), recvfrom(2)
#include "../guest.h"
#include <sys/socket.h>
#include <sys/un.h>

int main(void) {
    struct sockaddr_un server = {.sun_family = AF_UNIX, .sun_path = "server"}, client = {.sun_family = AF_UNIX, .sun_path = "client"}, from;
    socklen_t length = sizeof from;
    char text[16];
    int s = socket(AF_UNIX, SOCK_DGRAM, 0), c = socket(AF_UNIX, SOCK_DGRAM, 0);
    must(bind(s, (void *)&server, sizeof server) == 0 && bind(c, (void *)&client, sizeof client) == 0);
    must(sendto(c, "question", 8, 0, (void *)&server, sizeof server) == 8);
    ssize_t n = recvfrom(s, text, sizeof text, 0, (void *)&from, &length);
    say("server: %.*s from %s\n", (int)n, text, from.sun_path);
    must(sendto(s, "answer", 6, 0, (void *)&from, length) == 6);
    must(connect(c, (void *)&server, sizeof server) == 0);
    n = recv(c, text, sizeof text, 0);
    say("client: %.*s\n", (int)n, text);
    must(send(c, "connected", 9, 0) == 9);
    say("sent without an address: %d\n", (int)recv(s, text, sizeof text, 0));
    say("unnamed destination: %s\n", result(send(s, "x", 1, 0)));
    return 0;
}
