// dup3 sets close-on-exec and, unlike dup2, refuses equal descriptors.
// Spec: dup3(2)
#include "../guest.h"

int main(void) {
    int fd = dup3(1, 30, 0);
    say("plain: %d, flags %d\n", fd, fcntl(30, F_GETFD));
    fd = dup3(1, 31, O_CLOEXEC);
    say("O_CLOEXEC: %d, flags %d\n", fd, fcntl(31, F_GETFD));
    say("equal: %s\n", result(dup3(1, 1, 0)));
    say("equal and closed: %s\n", result(dup3(77, 77, 0)));
    say("closed: %s\n", result(dup3(77, 32, 0)));
    say("unknown flag: %s\n", result(dup3(1, 33, O_NONBLOCK)));
    say("unknown flag opened nothing: %s\n", result(fcntl(33, F_GETFD)));
    return 0;
}
