// kill with a negative id reaches every process of the group and no other.
// Spec: kill(2), killpg(2)
#include "../guest.h"

static volatile sig_atomic_t runs;
static void handler(int signal) { runs++; }

int main(void) {
    pid_t pids[3];
    int status;
    signal(SIGUSR1, handler);
    for (int i = 0; i < 3; i++) {
        must((pids[i] = fork()) >= 0);
        if (pids[i] == 0) {
            signal(SIGUSR1, SIG_DFL);
            for (;;) pause();
        }
        must(setpgid(pids[i], i < 2 ? pids[0] : 0) == 0);
    }
    say("to the first two: %s\n", result(kill(-pids[0], SIGTERM)));
    for (int i = 0; i < 2; i++) {
        must(waitpid(pids[i], &status, 0) == pids[i]);
        say_status("member", status);
    }
    say("the third runs on: %d\n", (int)waitpid(pids[2], &status, WNOHANG));
    say("empty group: %s\n", result(killpg(pids[0], 0)));
    must(killpg(pids[2], SIGKILL) == 0);
    must(waitpid(pids[2], &status, 0) == pids[2]);
    say_status("third", status);
    must(setpgid(0, 0) == 0 || getsid(0) == getpid());
    say("to the own group: %s\n", result(kill(0, SIGUSR1)));
    say("handler ran: %d\n", runs);
    return 0;
}
