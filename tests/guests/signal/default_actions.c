// Each signal's default action, seen in the wait status of a child that raised it.
// Spec: signal(7), "Standard signals"
#include "../guest.h"
#include <sys/resource.h>

int main(void) {
    int all[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE,
                 SIGALRM, SIGTERM, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM,
                 SIGPROF, SIGWINCH, SIGIO, SIGPWR, SIGSYS};
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        pid_t pid = fork();
        must(pid >= 0);
        if (pid == 0) {
            signal(all[i], SIG_DFL);
            // An orphaned group is not stopped by SIGTSTP; a group whose parent is in the same session is not orphaned.
            must(setpgid(0, 0) == 0);
            kill(getpid(), all[i]);
            _exit(0);
        }
        int status;
        must(waitpid(pid, &status, WUNTRACED) == pid);
        say_status(signame(all[i]), status);
        if (WIFSTOPPED(status)) {
            kill(pid, SIGKILL);
            must(waitpid(pid, &status, 0) == pid);
        }
    }
    return 0;
}
