// A TCP connection over the loopback carries a megabyte to a server and back.
// Spec: tcp(7), ip(7)
#include "../guest.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    static unsigned char block[65536];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    must(listener >= 0 && bind(listener, (void *)&address, sizeof address) == 0 && listen(listener, 5) == 0);
    must(getsockname(listener, (void *)&address, &length) == 0);
    say("a port was chosen: %d\n", address.sin_port != 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        int connection = accept(listener, NULL, NULL);
        must(connection >= 0);
        for (ssize_t n; (n = read(connection, block, sizeof block)) > 0;)
            for (ssize_t at = 0, m; at < n; at += m) must((m = write(connection, block + at, n - at)) > 0);
        _exit(0);
    }
    int s = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(s, (void *)&address, sizeof address) == 0);
    pid_t writer = fork();
    must(writer >= 0);
    if (writer == 0) {
        for (int i = 0; i < 16; i++) {
            memset(block, i + 1, sizeof block);
            for (ssize_t at = 0, m; at < (ssize_t)sizeof block; at += m) must((m = write(s, block + at, sizeof block - at)) > 0);
        }
        must(shutdown(s, SHUT_WR) == 0);
        _exit(0);
    }
    int total = 0;
    long long sum = 0;
    for (ssize_t n; (n = read(s, block, sizeof block)) > 0; total += n)
        for (ssize_t i = 0; i < n; i++) sum += block[i];
    say("back: %d bytes, sum %lld\n", total, sum);
    must(waitpid(writer, NULL, 0) == writer && waitpid(pid, NULL, 0) == pid);
    return 0;
}
