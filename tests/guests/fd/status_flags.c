// F_GETFL tells how a file was opened; F_SETFL changes O_APPEND and O_NONBLOCK only.
// Spec: fcntl(2), F_GETFL, F_SETFL
#include "../guest.h"

static void tell(const char *what, int fd) {
    int flags = fcntl(fd, F_GETFL);
    say("%s: access %d append %d nonblock %d creat %d trunc %d\n", what, flags & O_ACCMODE, !!(flags & O_APPEND), !!(flags & O_NONBLOCK),
        !!(flags & O_CREAT), !!(flags & O_TRUNC));
}

int main(void) {
    int fd = open("file", O_RDWR | O_CREAT | O_TRUNC | O_EXCL | O_CLOEXEC, 0644);
    must(fd >= 0);
    tell("opened", fd);
    must(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK) == 0);
    tell("set", fd);
    must(fcntl(fd, F_SETFL, O_WRONLY | O_TRUNC) == 0);
    tell("access mode stays", fd);
    say("descriptor flags apart: %d\n", fcntl(fd, F_GETFD));
    tell("write only", open("file", O_WRONLY | O_APPEND));
    tell("read only", open("file", O_RDONLY));
    say("unknown command: %s\n", result(fcntl(fd, 0x7777)));
    say("closed: %s\n", result(fcntl(77, F_GETFL)));
    return 0;
}
