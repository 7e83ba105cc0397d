// exec closes the descriptors marked close-on-exec and keeps the others.
// Spec: fcntl(2), FD_CLOEXEC; execve(2)
#include "../guest.h"

int main(int argc, char **argv) {
    if (argc > 1) {
        for (int fd = 3; fd < 10; fd++) say("%d: %s\n", fd, result(fcntl(fd, F_GETFD)));
        return 0;
    }
    close_inherited();
    put("file", "text");
    say("%d", open("file", O_RDONLY));
    say(" %d", open("file", O_RDONLY | O_CLOEXEC));
    say(" %d", dup(4));
    say(" %d", dup(3));
    fcntl(6, F_SETFD, FD_CLOEXEC);
    int ends[2];
    must(pipe2(ends, O_CLOEXEC) == 0);
    say(" %d %d", ends[0], ends[1]);
    fcntl(8, F_SETFD, 0);
    say(" %d\n", fcntl(3, F_DUPFD_CLOEXEC, 9));
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        say("fork keeps it: %s\n", result(fcntl(4, F_GETFD)));
        execl(SELF, "again", "x", (char *)NULL);
        _exit(1);
    }
    must(waitpid(pid, NULL, 0) == pid);
    say("parent's is open: %s\n", result(fcntl(4, F_GETFD)));
    return 0;
}
