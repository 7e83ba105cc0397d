// siglongjmp leaves a handler and restores the mask that sigsetjmp saved, or not when asked not to.
// Spec: sigsetjmp(3)
#include "../guest.h"
#include <setjmp.h>

static sigjmp_buf place;
static volatile sig_atomic_t runs;

static void handler(int signal) {
    runs++;
    siglongjmp(place, runs);
}

static int blocked(void) {
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    return sigismember(&now, SIGUSR1);
}

int main(void) {
    signal(SIGUSR1, handler);
    int n = sigsetjmp(place, 1);
    say("back %d, blocked %d\n", n, blocked());
    if (n < 5) {
        raise(SIGUSR1);
        say("not reached\n");
    }
    n = sigsetjmp(place, 0);
    say("back %d, blocked %d\n", n, blocked());
    if (n == 0) raise(SIGUSR1);
    raise(SIGUSR1);
    say("the blocked one waits: %d runs\n", runs);
    return 0;
}
