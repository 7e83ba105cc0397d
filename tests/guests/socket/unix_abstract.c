// An abstract name begins with a zero byte, makes no file, and is free again after the close.
// Spec: unix(7), "abstract"
#include "../guest.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX}, back;
    char text[16];
    memcpy(address.sun_path, "\0guest-abstract", 15);
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 15, size = sizeof back;
    int receiver = socket(AF_UNIX, SOCK_DGRAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM, 0);
    say("bind: %s\n", result(bind(receiver, (void *)&address, length)));
    say("taken: %s\n", result(bind(sender, (void *)&address, length)));
    say("sendto: %d\n", (int)sendto(sender, "hello", 5, 0, (void *)&address, length));
    say("recv: %d\n", (int)recv(receiver, text, sizeof text, 0));
    must(getsockname(receiver, (void *)&back, &size) == 0);
    say("name: %d bytes, equal %d\n", (int)size, memcmp(&back, &address, length) == 0);
    close(receiver);
    say("gone: %s\n", result(sendto(sender, "x", 1, 0, (void *)&address, length)));
    say("free again: %s\n", result(bind(sender, (void *)&address, length)));
    return 0;
}
