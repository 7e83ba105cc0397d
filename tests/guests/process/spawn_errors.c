// posix_spawn returns the child's error and leaves no child behind.
// Spec: posix_spawn(3)
#include "../guest.h"
#include <spawn.h>

extern char **environ;

int main(void) {
    char *args[] = {"x", NULL};
    pid_t pid = -7;
    say("missing: %s\n", errname(posix_spawn(&pid, "./missing", NULL, NULL, args, environ)));
    put("plain", "text");
    say("not executable: %s\n", errname(posix_spawn(&pid, "./plain", NULL, NULL, args, environ)));
    say("not on PATH: %s\n", errname(posix_spawnp(&pid, "no-such-tool", NULL, NULL, args, environ)));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "missing", O_RDONLY, 0);
    say("file action: %s\n", errname(posix_spawn(&pid, SELF, &actions, NULL, args, environ)));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, 77, 0);
    say("dup2 of a closed descriptor: %s\n", errname(posix_spawn(&pid, SELF, &actions, NULL, args, environ)));
    say("children left: %s\n", result(waitpid(-1, NULL, 0)));
    return 0;
}
