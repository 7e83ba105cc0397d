// execvp takes the first executable of that name on PATH and skips what is missing or not executable.
// Spec: exec(3)
#include "../guest.h"

int main(int argc, char **argv) {
    if (argc > 1) {
        say("found as [%s]\n", argv[0]);
        return 3;
    }
    char self[4096];
    ssize_t n = readlink(SELF, self, sizeof self - 1);
    must(n > 0);
    self[n] = 0;
    mkdir("one", 0755), mkdir("two", 0755), mkdir("three", 0755);
    put("one/tool", "not executable");
    must(symlink(self, "two/tool") == 0);
    setenv("PATH", "nowhere:one:two:three", 1);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        execlp("tool", "tool", "x", (char *)NULL);
        say("exec: %s\n", errname(errno));
        _exit(1);
    }
    int status;
    must(waitpid(pid, &status, 0) == pid);
    say_status("tool", status);
    setenv("PATH", "nowhere:one", 1);
    say("only one that is not executable: %s\n", result(execlp("tool", "tool", (char *)NULL)));
    setenv("PATH", "nowhere:three", 1);
    say("none: %s\n", result(execlp("tool", "tool", (char *)NULL)));
    say("with a slash PATH is not used: %s\n", result(execlp("./tool", "tool", (char *)NULL)));
    return 0;
}
