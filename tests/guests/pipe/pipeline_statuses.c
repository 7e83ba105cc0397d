// Three stages whose statuses are told after all of them have ended.
// Spec: pipe(2), wait(2)
#include "../guest.h"

int main(void) {
    int ends[2], status;
    char text[64];
    must(pipe(ends) == 0);
    pid_t left = fork();
    must(left >= 0);
    if (left == 0) {
        dup2(ends[1], 1);
        close(ends[0]), close(ends[1]);
        say("written through standard output");
        _exit(3);
    }
    pid_t right = fork();
    must(right >= 0);
    if (right == 0) {
        dup2(ends[0], 0);
        close(ends[0]), close(ends[1]);
        ssize_t n, total = 0;
        while ((n = read(0, text + total, sizeof text - total)) > 0) total += n;
        say("got [%.*s]\n", (int)total, text);
        _exit(4);
    }
    close(ends[0]), close(ends[1]);
    must(waitpid(left, &status, 0) == left);
    int other;
    must(waitpid(right, &other, 0) == right);
    say_status("left", status);
    say_status("right", other);
    return 0;
}
