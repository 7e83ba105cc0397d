// A signalfd reads blocked pending signals as records.
// Spec: signalfd(2)
#include "../guest.h"
#include <poll.h>
#include <sys/signalfd.h>

int main(void) {
    sigset_t set;
    struct signalfd_siginfo info[2];
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    must(fd >= 0);
    struct pollfd one = {fd, POLLIN, 0};
    say("none: %s, poll %d\n", result(read(fd, info, sizeof info)), poll(&one, 1, 0));
    kill(getpid(), SIGUSR1);
    say("poll: %d\n", poll(&one, 1, 0));
    say("read: %d of records\n", (int)(read(fd, info, sizeof info) / sizeof *info));
    say("%s from itself %d\n", signame(info[0].ssi_signo), (int)info[0].ssi_pid == getpid());
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) _exit(9);
    say("wait: %d\n", poll(&one, 1, 20000));
    must(read(fd, info, sizeof info) == sizeof *info);
    say("%s status %d, the child %d\n", signame(info[0].ssi_signo), info[0].ssi_status, (int)info[0].ssi_pid == pid);
    must(waitpid(pid, NULL, 0) == pid);
    say("too small: %s\n", result(read(fd, info, 10)));
    return 0;
}
