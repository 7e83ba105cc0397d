// A read of an eventfd waits until another process writes.
// Spec: eventfd(2)
#include "../guest.h"
#include <sys/eventfd.h>

int main(void) {
    int fd = eventfd(0, 0);
    uint64_t value = 0;
    must(fd >= 0);
    for (int i = 1; i <= 3; i++) {
        pid_t pid = fork();
        must(pid >= 0);
        if (pid == 0) {
            value = i * 10;
            must(write(fd, &value, 8) == 8);
            _exit(0);
        }
        must(read(fd, &value, 8) == 8);
        say("got %d\n", (int)value);
        must(waitpid(pid, NULL, 0) == pid);
    }
    return 0;
}
