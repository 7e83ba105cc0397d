// A child that asked for it gets a signal when its parent ends.
// Spec: prctl(2), PR_SET_PDEATHSIG
#include "../guest.h"
#include <sys/prctl.h>

int main(void) {
    int ready[2], out[2], signal = 0;
    must(pipe(ready) == 0 && pipe(out) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        char byte;
        if (fork() == 0) {
            sigset_t set;
            sigemptyset(&set);
            sigaddset(&set, SIGUSR1);
            sigprocmask(SIG_BLOCK, &set, NULL);
            must(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0);
            prctl(PR_GET_PDEATHSIG, &signal);
            say("asked for: %s\n", signame(signal));
            must(write(ready[1], "x", 1) == 1);
            struct timespec limit = {10, 0};
            int got = sigtimedwait(&set, NULL, &limit);
            must(write(out[1], &got, sizeof got) == sizeof got);
            _exit(0);
        }
        must(read(ready[0], &byte, 1) == 1);
        _exit(0);
    }
    int status, got = 0;
    must(waitpid(pid, &status, 0) == pid);
    must(read(out[0], &got, sizeof got) == sizeof got);
    say("got: %s\n", signame(got));
    return 0;
}
