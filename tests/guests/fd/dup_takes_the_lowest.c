// dup and open take the lowest free descriptor; F_DUPFD the lowest from a given one.
// Spec: dup(2), fcntl(2)
#include "../guest.h"

int main(void) {
    close_inherited();
    say("dup: %d\n", dup(1));
    say("dup: %d\n", dup(0));
    close(3);
    say("the gap: %d\n", dup(0));
    close(0);
    say("zero: %d\n", open("/dev/null", O_RDONLY));
    say("F_DUPFD 10: %d\n", fcntl(1, F_DUPFD, 10));
    say("F_DUPFD 10: %d\n", fcntl(1, F_DUPFD, 10));
    int fd = fcntl(1, F_DUPFD_CLOEXEC, 20);
    say("F_DUPFD_CLOEXEC 20: %d, flags %d\n", fd, fcntl(fd, F_GETFD));
    say("bad: %s\n", result(dup(77)));
    say("negative: %s\n", result(dup(-1)));
    say("F_DUPFD from -1: %s\n", result(fcntl(1, F_DUPFD, -1)));
    say("F_DUPFD beyond all: %s\n", result(fcntl(1, F_DUPFD, 0x7ffffff)));
    return 0;
}
