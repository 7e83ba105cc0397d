// select leaves only the ready descriptors in its sets and counts them all.
// Spec: select(2)
#include "../guest.h"
#include <sys/select.h>

int main(void) {
    int a[2], b[2];
    must(pipe(a) == 0 && pipe(b) == 0);
    fd_set readers, writers, others;
    struct timeval none = {0, 0};
    must(write(b[1], "x", 1) == 1);
    FD_ZERO(&readers);
    FD_ZERO(&writers);
    FD_ZERO(&others);
    FD_SET(a[0], &readers);
    FD_SET(b[0], &readers);
    FD_SET(a[1], &writers);
    FD_SET(b[0], &others);
    say("ready: %d\n", select(b[1] + 1, &readers, &writers, &others, &none));
    say("a readable %d, b readable %d, a writable %d, b exceptional %d\n", !!FD_ISSET(a[0], &readers), !!FD_ISSET(b[0], &readers),
        !!FD_ISSET(a[1], &writers), !!FD_ISSET(b[0], &others));
    FD_ZERO(&readers);
    FD_SET(a[0], &readers);
    say("nothing: %d, ", select(b[1] + 1, &readers, NULL, NULL, &none));
    say("cleared %d\n", !FD_ISSET(a[0], &readers));
    close(a[1]);
    FD_SET(a[0], &readers);
    say("end of file is readable: %d\n", select(b[1] + 1, &readers, NULL, NULL, NULL));
    FD_ZERO(&readers);
    FD_SET(77, &readers);
    say("closed: %s\n", result(select(78, &readers, NULL, NULL, &none)));
    say("negative count: %s\n", result(select(-1, NULL, NULL, NULL, &none)));
    struct timeval bad = {-1, 0};
    say("negative time: %s\n", result(select(0, NULL, NULL, NULL, &bad)));
    return 0;
}
