// Writing to a pipe without readers kills by SIGPIPE; when that is ignored write fails with EPIPE.
// Spec: pipe(7), write(2)
#include "../guest.h"

static int ends[2];
static volatile sig_atomic_t runs;
static void handler(int signal) { runs++; }

static void body(void) {
    must(write(1, "about to write\n", 15) == 15);
    write(ends[1], "x", 1);
    say("not reached\n");
}

int main(void) {
    must(pipe(ends) == 0);
    close(ends[0]);
    say_status("default", in_child(body));
    signal(SIGPIPE, SIG_IGN);
    say("ignored: %s\n", result(write(ends[1], "x", 1)));
    say("nothing to write: %s\n", result(write(ends[1], "", 0)));
    signal(SIGPIPE, handler);
    say("handled: %s\n", result(write(ends[1], "x", 1)));
    say("handler ran %d times\n", runs);
    return 0;
}
