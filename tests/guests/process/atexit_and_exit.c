// exit runs the registered functions, last first, and _exit runs none.
// Spec: atexit(3), _exit(2)
#include "../guest.h"

static void one(void) { say("one\n"); }
static void two(void) { say("two\n"); }
static void leave(void) {
    say("leave\n");
    _exit(17);
}

static void direct(void) {
    atexit(one);
    _exit(5);
}

static void orderly(void) {
    atexit(one);
    atexit(two);
    exit(6);
}

static void cut_short(void) {
    atexit(one);
    atexit(leave);
    atexit(two);
    exit(7);
}

int main(void) {
    say_status("direct", in_child(direct));
    say_status("orderly", in_child(orderly));
    say_status("cut short", in_child(cut_short));
    printf("buffered output is flushed by exit");
    return 0;
}
