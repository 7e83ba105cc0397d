// The end of a child sends SIGCHLD; stops do too, unless SA_NOCLDSTOP is set.
// Spec: sigaction(2), SA_NOCLDSTOP
#include "../guest.h"

static volatile sig_atomic_t runs;
static void handler(int signal) { runs++; }

static void stop_and_go(int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART | flags};
    must(sigaction(SIGCHLD, &action, NULL) == 0);
    runs = 0;
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        raise(SIGSTOP);
        _exit(2);
    }
    int status;
    must(waitpid(pid, &status, WUNTRACED) == pid);
    say("stopped: %d runs\n", runs);
    runs = 0;
    kill(pid, SIGCONT);
    must(waitpid(pid, &status, 0) == pid);
    say_status("child", status);
    say("ended: ran %d\n", runs > 0);
}

int main(void) {
    stop_and_go(0);
    stop_and_go(SA_NOCLDSTOP);
    return 0;
}
