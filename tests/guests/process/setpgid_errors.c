// setpgid refuses strangers, session leaders, unknown groups and children that have called exec.
// Spec: setpgid(2) ERRORS
#include "../guest.h"

int main(int argc, char **argv) {
    char byte;
    if (argc > 1) {
        must(write(5, "x", 1) == 1);
        return read(4, &byte, 1);
    }
    int ready[2], gate[2], status;
    must(pipe(ready) == 0 && pipe(gate) == 0);
    say("negative group: %s\n", result(setpgid(0, -1)));
    say("not a child: %s\n", result(setpgid(getppid(), 0)));
    say("no such process: %s\n", result(setpgid(0x3ffffff, 0)));
    say("getpgid of no process: %s\n", result(getpgid(0x3ffffff)));
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        say("group that does not exist: %s\n", result(setpgid(0, 0x3ffffff)));
        must(setsid() == getpid());
        say("session leader: %s\n", result(setpgid(0, 0)));
        _exit(0);
    }
    must(waitpid(pid, &status, 0) == pid);
    must((pid = fork()) >= 0);
    if (pid == 0) {
        must(dup2(ready[1], 15) == 15 && dup2(gate[0], 14) == 14);
        must(dup2(15, 5) == 5 && dup2(14, 4) == 4);
        for (int fd = 6; fd < 40; fd++) close(fd);
        execl(SELF, "again", "x", (char *)NULL);
        _exit(1);
    }
    close(ready[1]), close(gate[0]);
    must(read(ready[0], &byte, 1) == 1);
    say("after exec: %s\n", result(setpgid(pid, pid)));
    kill(pid, SIGKILL);
    must(waitpid(pid, &status, 0) == pid);
    return 0;
}
