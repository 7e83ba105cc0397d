// When a parent ends, its children are given to another process.
// Spec: getppid(2), wait(2)
#include "../guest.h"

int main(void) {
    int out[2];
    must(pipe(out) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        pid_t parent = getpid();
        if (fork() == 0) {
            close(out[0]);
            for (int i = 0; i < 2000 && getppid() == parent; i++) usleep(1000);
            char changed = getppid() != parent;
            must(write(out[1], &changed, 1) == 1);
            _exit(0);
        }
        _exit(3);
    }
    close(out[1]);
    int status;
    char changed = 7;
    must(waitpid(pid, &status, 0) == pid);
    say_status("parent of the orphan", status);
    must(read(out[0], &changed, 1) == 1);
    say("the orphan has a new parent: %d\n", changed);
    say("it is not ours to wait for: %s\n", result(wait(NULL)));
    return 0;
}
