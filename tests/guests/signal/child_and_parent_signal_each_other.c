// Two processes hand a turn to and fro by signals, five hundred times, with sigsuspend.
// Spec: sigsuspend(2), kill(2)
#include "../guest.h"

static volatile sig_atomic_t turn;
static void handler(int signal) { turn++; }

int main(void) {
    sigset_t block, open;
    sigemptyset(&open);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, NULL);
    signal(SIGUSR1, handler);
    pid_t parent = getpid(), pid = fork();
    must(pid >= 0);
    pid_t other = pid ? pid : parent;
    for (int i = 0; i < 500; i++) {
        if (pid == 0) must(kill(other, SIGUSR1) == 0);
        while (turn <= i) sigsuspend(&open);
        if (pid != 0) must(kill(other, SIGUSR1) == 0);
    }
    if (pid == 0) _exit(0);
    int status;
    must(waitpid(pid, &status, 0) == pid);
    say_status("child", status);
    say("turns: %d\n", turn);
    return 0;
}
