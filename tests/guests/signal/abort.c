// abort ends the process by SIGABRT, also when that is ignored, blocked, or handled by a function that returns.
// Spec: abort(3)
#include "../guest.h"
#include <sys/resource.h>

static void handler(int signal) { say("handler\n"); }
static void plain(void) { abort(); }
static void ignored(void) {
    signal(SIGABRT, SIG_IGN);
    abort();
}
static void handled(void) {
    signal(SIGABRT, handler);
    abort();
}
static void blocked(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    abort();
}

int main(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    say_status("plain", in_child(plain));
    say_status("ignored", in_child(ignored));
    say_status("handled", in_child(handled));
    say_status("blocked", in_child(blocked));
    return 0;
}
