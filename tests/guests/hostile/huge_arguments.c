// Executes itself with ever larger argument lists until it is refused.
// Threat: argument lists that fill the host. execve says E2BIG.
#include "../guest.h"

int main(int argc, char **argv) {
    int size = argc > 1 ? atoi(argv[1]) : 1000;
    char number[16];
    sprintf(number, "%d", size * 2);
    char **args = calloc(size + 3, sizeof *args);
    if (!args) return 2;
    args[0] = "again", args[1] = number;
    for (int i = 0; i < size; i++) args[i + 2] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    execve(SELF, args, args + size + 2);
    say("refused: %s\n", errname(errno));
    return errno == E2BIG ? 0 : 1;
}
