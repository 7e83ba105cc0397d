// execve gives the new program exactly the arguments and environment it was handed.
// Spec: execve(2), environ(7)
#include "../guest.h"

extern char **environ;

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[0], "stage two") == 0) {
        for (int i = 0; i < argc; i++) say("argv[%d] = [%s]\n", i, argv[i]);
        say("after the last: %d\n", argv[argc] == NULL);
        for (int i = 0; environ[i]; i++) say("environ[%d] = [%s]\n", i, environ[i]);
        return 21;
    }
    char *args[] = {"stage two", "", "with space", "\xff\xfe raw", "new\nline", "--", NULL};
    char *env[] = {"A=1", "EMPTY=", "noequals", "A=2", NULL};
    execve(SELF, args, env);
    say("execve: %s\n", errname(errno));
    return 1;
}
