// Opens files until it is refused, in itself and in children.
// Threat: descriptors without end. open says EMFILE or ENFILE.
#include "../guest.h"
#include <sys/resource.h>

int main(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int count = 0, fd;
    while ((fd = open("/dev/null", O_RDONLY)) >= 0) count++;
    say("refused: %s\n", errname(errno));
    dprintf(2, "%d descriptors\n", count);
    close(5);
    say("one closed, one opened: %d\n", open("/dev/null", O_RDONLY));
    return 0;
}
