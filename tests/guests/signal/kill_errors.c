// kill with signal 0 only checks; unknown signals and processes are errors.
// Spec: kill(2)
#include "../guest.h"

int main(void) {
    say("itself: %s\n", result(kill(getpid(), 0)));
    say("parent: %s\n", result(kill(getppid(), 0)));
    say("no such process: %s\n", result(kill(0x3ffffff, 0)));
    say("no such group: %s\n", result(kill(-0x3ffffff, SIGTERM)));
    say("signal -1: %s\n", result(kill(getpid(), -1)));
    say("signal 65: %s\n", result(kill(getpid(), 65)));
    say("signal 1000: %s\n", result(kill(getpid(), 1000)));
    say("bad signal to nobody: %s\n", result(kill(0x3ffffff, 1000)));
    say("raise: %s\n", result(raise(-3) == 0 ? 0 : -1));
    return 0;
}
