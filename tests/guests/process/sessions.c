// setsid makes a new session and group without a terminal; a group leader may not.
// Spec: setsid(2), getsid(2)
#include "../guest.h"

static void body(void) {
    pid_t before = getsid(0);
    say("inherited session: %d\n", getsid(getppid()) == before);
    say("setsid returns the id: %d\n", setsid() == getpid());
    say("session %d, group %d\n", getsid(0) == getpid(), getpgrp() == getpid());
    say("again: %s\n", result(setsid()));
    say("terminal: %s\n", result(open("/dev/tty", O_RDWR)));
    pid_t pid = fork();
    if (pid == 0) {
        say("grandchild is in it: %d\n", getsid(0) == getppid() && getpgrp() == getppid());
        _exit(0);
    }
    must(waitpid(pid, NULL, 0) == pid);
}

int main(void) {
    say_status("child", in_child(body));
    say("no such process: %s\n", result(getsid(0x3ffffff)));
    return 0;
}
