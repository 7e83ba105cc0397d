// Across exec the process keeps its id, directory, umask, mask and ignored signals; handlers become default.
// Spec: execve(2)
#include "../guest.h"

static void handler(int signal) {}

int main(int argc, char **argv) {
    char cwd[4096];
    sigset_t set;
    struct sigaction action;
    if (argc > 1) {
        say("same id: %d\n", getpid() == atoi(argv[1]));
        say("same parent: %d\n", getppid() == atoi(argv[2]));
        must(getcwd(cwd, sizeof cwd) != NULL);
        say("same directory: %d\n", strcmp(cwd, argv[3]) == 0);
        say("umask: %03o\n", umask(0));
        sigprocmask(SIG_BLOCK, NULL, &set);
        say("SIGUSR2 blocked: %d\n", sigismember(&set, SIGUSR2));
        sigpending(&set);
        say("SIGUSR2 pending: %d\n", sigismember(&set, SIGUSR2));
        sigaction(SIGUSR1, NULL, &action);
        say("SIGUSR1: %s\n", action.sa_handler == SIG_DFL ? "default" : "not default");
        sigaction(SIGHUP, NULL, &action);
        say("SIGHUP: %s\n", action.sa_handler == SIG_IGN ? "ignored" : "not ignored");
        return 0;
    }
    char pid[16], parent[16];
    mkdir("inside", 0755);
    must(chdir("inside") == 0 && getcwd(cwd, sizeof cwd) != NULL);
    umask(027);
    signal(SIGUSR1, handler);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR2);
    sprintf(pid, "%d", getpid());
    sprintf(parent, "%d", getppid());
    execl(SELF, "again", pid, parent, cwd, (char *)NULL);
    return 1;
}
