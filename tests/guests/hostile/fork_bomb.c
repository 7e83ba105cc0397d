// Forks until it is refused; the children wait. Then all end.
// Threat: a guest fills the process table. fork says EAGAIN at the limit.
#include "../guest.h"

int main(void) {
    int gate[2], children = 0;
    char byte;
    must(pipe(gate) == 0);
    for (;;) {
        pid_t pid = fork();
        if (pid < 0) break;
        if (pid == 0) {
            close(gate[1]);
            read(gate[0], &byte, 1);
            _exit(0);
        }
        children++;
    }
    say("refused: %s\n", errname(errno));
    close(gate[1]);
    int reaped = 0;
    while (wait(NULL) > 0) reaped++;
    say("all reaped: %d, some there were: %d\n", reaped == children, children > 8);
    say("fork works again: %d\n", in_child(sync) == 0);
    return 0;
}
