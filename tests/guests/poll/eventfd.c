// An eventfd is a counter: writes add, a read takes all, or one of it as a semaphore.
// Spec: eventfd(2)
#include "../guest.h"
#include <poll.h>
#include <sys/eventfd.h>

int main(void) {
    uint64_t value = 0;
    int fd = eventfd(3, EFD_NONBLOCK), semaphore = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE | EFD_CLOEXEC);
    must(fd >= 0 && semaphore >= 0);
    must(read(fd, &value, 8) == 8);
    say("first: %d\n", (int)value);
    say("empty: %s\n", result(read(fd, &value, 8)));
    value = 5;
    must(write(fd, &value, 8) == 8 && write(fd, &value, 8) == 8);
    struct pollfd one = {fd, POLLIN | POLLOUT, 0};
    int n = poll(&one, 1, 0);
    say("poll: %d in %d out %d\n", n, !!(one.revents & POLLIN), !!(one.revents & POLLOUT));
    must(read(fd, &value, 8) == 8);
    say("sum: %d\n", (int)value);
    value = ~0ULL;
    say("all ones: %s\n", result(write(fd, &value, 8)));
    value = ~0ULL - 1;
    must(write(fd, &value, 8) == 8);
    value = 1;
    say("overflow: %s\n", result(write(fd, &value, 8)));
    say("short read: %s\n", result(read(fd, &value, 4)));
    must(read(semaphore, &value, 8) == 8);
    say("semaphore: %d ", (int)value);
    must(read(semaphore, &value, 8) == 8);
    say("%d ", (int)value);
    say("%s\n", result(read(semaphore, &value, 8)));
    say("unknown flag: %s\n", result(eventfd(0, 0x40)));
    say("close-on-exec: %d\n", fcntl(semaphore, F_GETFD));
    return 0;
}
