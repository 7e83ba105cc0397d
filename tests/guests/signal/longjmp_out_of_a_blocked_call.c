// A handler may leave a blocked read by siglongjmp; the pipe stays usable.
// Spec: sigsetjmp(3), read(2)
#include "../guest.h"
#include <setjmp.h>
#include <sys/time.h>

static sigjmp_buf place;
static void handler(int signal) { siglongjmp(place, 1); }

int main(void) {
    int ends[2];
    char byte = 0;
    must(pipe(ends) == 0);
    signal(SIGALRM, handler);
    for (volatile int i = 0; i < 3; i++) {
        if (sigsetjmp(place, 1) == 0) {
            struct itimerval soon = {{0, 0}, {0, 50000}};
            setitimer(ITIMER_REAL, &soon, NULL);
            read(ends[0], &byte, 1);
            say("not reached\n");
        } else {
            say("left the read, round %d\n", i);
        }
    }
    must(write(ends[1], "k", 1) == 1 && read(ends[0], &byte, 1) == 1);
    say("read: %c\n", byte);
    return 0;
}
