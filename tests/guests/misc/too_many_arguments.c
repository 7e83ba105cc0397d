// One argument of more than 131071 bytes, or too many in all, gives E2BIG and the program goes on.
// Spec: execve(2), E2BIG
#include "../guest.h"

int main(void) {
    static char *args[200], block[140000];
    memset(block, 'x', 131072);
    char *none[] = {NULL};
    args[0] = "again", args[1] = block;
    say("one argument of 131072: %s\n", result(execve(SELF, args, none)));
    block[100000] = 0;
    for (int i = 1; i < 150; i++) args[i] = block;
    say("15 MB together: %s\n", result(execve(SELF, args, none)));
    say("still here\n");
    return 0;
}
