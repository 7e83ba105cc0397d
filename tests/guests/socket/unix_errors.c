// Binding twice, connecting to nothing, to a plain file, and to a socket nobody listens on.
// Spec: unix(7) ERRORS, connect(2), bind(2)
#include "../guest.h"
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    return address;
}

int main(void) {
    struct sockaddr_un a = at("a"), none = at("none"), file = at("file"), deep = at("no/such");
    int s = socket(AF_UNIX, SOCK_STREAM, 0), t = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0);
    put("file", "");
    must(bind(s, (void *)&a, sizeof a) == 0);
    say("name in use: %s\n", result(bind(t, (void *)&a, sizeof a)));
    say("bind twice: %s\n", result(bind(s, (void *)&none, sizeof none)));
    say("in a missing directory: %s\n", result(bind(t, (void *)&deep, sizeof deep)));
    say("nobody listens: %s\n", result(connect(t, (void *)&a, sizeof a)));
    say("nothing there: %s\n", result(connect(t, (void *)&none, sizeof none)));
    say("a file: %s\n", result(connect(t, (void *)&file, sizeof file)));
    must(listen(s, 1) == 0);
    say("wrong type: %s\n", result(connect(d, (void *)&a, sizeof a)));
    say("accept on one that does not listen: %s\n", result(accept(t, NULL, NULL)));
    say("not connected: %s\n", result(getpeername(t, NULL, NULL)));
    char byte;
    say("read: %s\n", result(read(t, &byte, 1)));
    say("accept on a file: %s\n", result(accept(open("file", O_RDWR), NULL, NULL)));
    fcntl(s, F_SETFL, O_NONBLOCK);
    say("nobody waits: %s\n", result(accept(s, NULL, NULL)));
    close(s);
    say("listener closed: %s\n", result(connect(t, (void *)&a, sizeof a)));
    say("bad family: %s\n", result(socket(99, SOCK_STREAM, 0)));
    say("bad type: %s\n", result(socket(AF_UNIX, 99, 0)));
    return 0;
}
