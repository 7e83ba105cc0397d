// A unix socket in the filesystem is listened on, connected to, and accepted from.
// Spec: unix(7), accept(2)
#include "../guest.h"
#include <sys/socket.h>
#include <sys/un.h>

int main(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "server"}, peer;
    socklen_t length = sizeof peer;
    struct stat about;
    char text[32];
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    say("bind: %s\n", result(bind(listener, (void *)&address, sizeof address)));
    must(lstat("server", &about) == 0);
    say("a socket: %d\n", S_ISSOCK(about.st_mode));
    say("listen: %s\n", result(listen(listener, 5)));
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        int client = socket(AF_UNIX, SOCK_STREAM, 0);
        must(connect(client, (void *)&address, sizeof address) == 0);
        must(write(client, "hello", 5) == 5);
        ssize_t n = read(client, text, sizeof text);
        must(n > 0 && getpeername(client, (void *)&peer, &length) == 0);
        say("client: %.*s from %s\n", (int)n, text, peer.sun_path);
        _exit(0);
    }
    int connection = accept(listener, (void *)&peer, &length);
    must(connection >= 0);
    say("the client has no name: %d\n", (int)length == sizeof peer.sun_family);
    ssize_t n = read(connection, text, sizeof text);
    say("server: %.*s\n", (int)n, text);
    must(write(connection, "welcome", 7) == 7);
    close(connection);
    must(waitpid(pid, NULL, 0) == pid);
    say("open: %s\n", result(open("server", O_RDWR)));
    return 0;
}
