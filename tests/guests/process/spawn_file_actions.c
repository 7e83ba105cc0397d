// posix_spawn opens, duplicates and closes descriptors in the child, in order.
// Spec: posix_spawn(3), posix_spawn_file_actions_addopen(3)
#include "../guest.h"
#include <spawn.h>

extern char **environ;

int main(int argc, char **argv) {
    if (argc > 1) {
        char text[32];
        ssize_t n = read(0, text, sizeof text);
        must(n > 0);
        say("to standard output: %.*s\n", (int)n, text);
        dprintf(2, "to standard error\n");
        dprintf(9, "to descriptor 9\n");
        return fcntl(8, F_GETFD) == -1 ? 41 : 42;
    }
    put("input", "input text");
    must(dup2(1, 8) == 8);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "input", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 9, "nine", O_WRONLY | O_CREAT, 0600);
    posix_spawn_file_actions_addopen(&actions, 1, "output", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_addclose(&actions, 8);
    char *args[] = {"again", "x", NULL};
    pid_t pid;
    int status, error = posix_spawn(&pid, SELF, &actions, NULL, args, environ);
    say("spawn: %d\n", error);
    must(waitpid(pid, &status, 0) == pid);
    say_status("child", status);
    show("output");
    show("nine");
    say("descriptor 8 is still open here: %d\n", fcntl(8, F_GETFD) == 0);
    return 0;
}
