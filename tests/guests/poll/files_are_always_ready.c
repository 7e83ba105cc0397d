// Regular files, directories and /dev/null are ready at once for everything asked.
// Spec: poll(2)
#include "../guest.h"
#include <poll.h>

int main(void) {
    put("f", "");
    struct pollfd fds[] = {{open("f", O_RDWR), POLLIN | POLLOUT, 0}, {open(".", O_RDONLY), POLLIN | POLLOUT, 0},
                           {open("/dev/null", O_RDWR), POLLIN | POLLOUT, 0}, {open("/dev/zero", O_RDWR), POLLIN, 0}};
    say("ready: %d\n", poll(fds, 4, -1));
    for (int i = 0; i < 4; i++) say("%d: in %d out %d\n", i, !!(fds[i].revents & POLLIN), !!(fds[i].revents & POLLOUT));
    return 0;
}
