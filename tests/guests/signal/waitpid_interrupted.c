// A signal interrupts a waiting waitpid, or not with SA_RESTART; the child stays waitable.
// Spec: waitpid(2), signal(7)
#include "../guest.h"
#include <sys/time.h>

static int gate[2];
static volatile sig_atomic_t runs;

static void handler(int signal) {
    if (++runs == 3 && gate[1] >= 0) close(gate[1]), gate[1] = -1;
}

static void go(int flags) {
    must(pipe(gate) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        char byte;
        close(gate[1]);
        must(read(gate[0], &byte, 1) == 0);
        _exit(6);
    }
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    must(sigaction(SIGALRM, &action, NULL) == 0);
    struct itimerval timer = {{0, 40000}, {0, 40000}}, off = {{0, 0}, {0, 0}};
    runs = 0;
    must(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    int status;
    say("waitpid: %s\n", result(waitpid(pid, &status, 0)));
    must(setitimer(ITIMER_REAL, &off, NULL) == 0);
    if (flags == 0) {
        close(gate[1]);
        must(waitpid(pid, &status, 0) == pid);
    }
    say_status("child", status);
    close(gate[0]);
}

int main(void) {
    go(0);
    go(SA_RESTART);
    return 0;
}
