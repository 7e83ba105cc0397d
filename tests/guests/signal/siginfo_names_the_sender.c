// A handler with SA_SIGINFO learns who sent the signal and how.
// Spec: sigaction(2), siginfo_t
#include "../guest.h"

static volatile sig_atomic_t code, number, sender, user, value, status;

static void handler(int signal, siginfo_t *info, void *context) {
    number = info->si_signo;
    code = info->si_code;
    sender = info->si_pid;
    user = info->si_uid;
    if (signal == SIGCHLD) status = info->si_status;
    if (code == SI_QUEUE) value = info->si_value.sival_int;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGCHLD, &action, NULL);
    kill(getpid(), SIGUSR1);
    say("kill: %s, SI_USER %d, from itself %d, own user %d\n", signame(number), code == SI_USER, sender == getpid(), user == getuid());
    union sigval sent = {.sival_int = 12345};
    must(sigqueue(getpid(), SIGUSR1, sent) == 0);
    say("sigqueue: SI_QUEUE %d, value %d, from itself %d\n", code == SI_QUEUE, value, sender == getpid());
    raise(SIGUSR1);
    say("raise: SI_TKILL %d\n", code == SI_TKILL);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) _exit(33);
    must(waitpid(pid, NULL, 0) == pid);
    say("child: %s, CLD_EXITED %d, the child %d, status %d\n", signame(number), code == CLD_EXITED, sender == pid, status);
    return 0;
}
