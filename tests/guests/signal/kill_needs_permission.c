// A user may signal only processes of the same user, except SIGCONT within the session.
// Spec: kill(2)
// Needs: root
#include "../guest.h"

static pid_t other;

static void body(void) {
    become(1000);
    say("root's process: %s\n", result(kill(other, SIGTERM)));
    say("signal 0 as well: %s\n", result(kill(other, 0)));
    say("SIGCONT in the session: %s\n", result(kill(other, SIGCONT)));
    say("itself: %s\n", result(kill(getpid(), 0)));
    pid_t pid = fork();
    if (pid == 0) for (;;) pause();
    say("its child: %s\n", result(kill(pid, SIGTERM)));
    int status;
    must(waitpid(pid, &status, 0) == pid);
    say_status("child", status);
}

int main(void) {
    int status;
    must((other = fork()) >= 0);
    if (other == 0) for (;;) pause();
    say_status("user", in_child(body));
    say("root's process lives: %d\n", (int)waitpid(other, &status, WNOHANG));
    kill(other, SIGKILL);
    must(waitpid(other, &status, 0) == other);
    return 0;
}
