// A script's first line names its interpreter, which gets the optional argument and the script's path.
// Spec: execve(2), "Interpreter scripts"
#include "../guest.h"

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "one argument") == 0) {
        say("argc %d\n", argc);
        for (int i = 1; i < argc; i++) say("argv[%d] = [%s]\n", i, argv[i]);
        return 31;
    }
    if (argc > 1) {
        say("without argument: argc %d, [%s]\n", argc, argv[1]);
        return 32;
    }
    char self[4096], text[5000];
    ssize_t n = readlink(SELF, self, sizeof self - 1);
    must(n > 0);
    self[n] = 0;
    sprintf(text, "#! %s one argument  \nnot read by anyone\n", self);
    put("script", text);
    must(chmod("script", 0755) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        execl("./script", "replaced", "user", "", (char *)NULL);
        say("exec: %s\n", errname(errno));
        _exit(1);
    }
    int status;
    must(waitpid(pid, &status, 0) == pid);
    say_status("script", status);
    sprintf(text, "#!%s\n", self);
    put("plain", text);
    must(chmod("plain", 0755) == 0);
    execl("./plain", "replaced", (char *)NULL);
    return 1;
}
