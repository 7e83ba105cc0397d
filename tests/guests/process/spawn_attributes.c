// posix_spawn sets the child's process group, mask and default signals.
// Spec: posix_spawnattr_setflags(3)
#include "../guest.h"
#include <spawn.h>

extern char **environ;

int main(int argc, char **argv) {
    sigset_t set;
    struct sigaction action;
    if (argc > 1) {
        sigprocmask(SIG_BLOCK, NULL, &set);
        say("leads a group: %d\n", getpgrp() == getpid());
        say("blocked: SIGUSR1 %d SIGUSR2 %d\n", sigismember(&set, SIGUSR1), sigismember(&set, SIGUSR2));
        sigaction(SIGHUP, NULL, &action);
        say("SIGHUP default: %d\n", action.sa_handler == SIG_DFL);
        sigaction(SIGTERM, NULL, &action);
        say("SIGTERM ignored: %d\n", action.sa_handler == SIG_IGN);
        return 0;
    }
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    posix_spawnattr_setsigmask(&attributes, &set);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    posix_spawnattr_setsigdefault(&attributes, &set);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    char *args[] = {"again", "x", NULL};
    pid_t pid;
    int status, error = posix_spawn(&pid, SELF, NULL, &attributes, args, environ);
    must(waitpid(pid, &status, 0) == pid);
    say("spawn: %d\n", error);
    say_status("child", status);
    return 0;
}
