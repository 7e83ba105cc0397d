// exec starts the program anew: its variables have their first values.
// Spec: execve(2)
#include "../guest.h"

static int counter = 1;

int main(int argc, char **argv) {
    counter += 10;
    int round = argc > 1 ? atoi(argv[1]) : 0;
    say("round %d: counter %d\n", round, counter);
    if (round == 20) return 8;
    char next[8];
    sprintf(next, "%d", round + 1);
    execl(SELF, "again", next, (char *)NULL);
    return 1;
}
