// A process that makes no system call still gets its signals.
// Spec: signal(7)
#include "../guest.h"

static volatile sig_atomic_t runs;
static void handler(int signal) { runs++; }

static void spin(void) {
    for (volatile unsigned x = 0;; x++) {}
}

int main(void) {
    signal(SIGALRM, handler);
    alarm(1);
    volatile unsigned long long x = 0;
    while (runs == 0) x++;
    say("the handler ran: %d\n", runs);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) spin();
    must(kill(pid, SIGTERM) == 0);
    int status;
    must(waitpid(pid, &status, 0) == pid);
    say_status("spinning child", status);
    return 0;
}
