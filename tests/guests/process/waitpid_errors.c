// waitpid refuses unknown options and processes that are not children.
// Spec: waitpid(2), waitid(2)
#include "../guest.h"

int main(void) {
    int status;
    siginfo_t info;
    say("no children: %s\n", result(waitpid(-1, &status, 0)));
    say("init: %s\n", result(waitpid(1, &status, WNOHANG)));
    say("itself: %s\n", result(waitpid(getpid(), &status, 0)));
    say("option 0x100: %s\n", result(waitpid(-1, &status, 0x100)));
    say("waitid without a state: %s\n", result(waitid(P_ALL, 0, &info, WNOHANG)));
    say("waitid of an unknown type: %s\n", result(waitid(77, 0, &info, WEXITED)));
    return 0;
}
