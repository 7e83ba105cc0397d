// setuid gives root up for good; setresuid and setegid move between real, effective and saved.
// Spec: credentials(7), setresuid(2), setuid(2)
// Needs: root
#include "../guest.h"

static void tell(const char *what) {
    uid_t r, e, s;
    gid_t rg, eg, sg;
    getresuid(&r, &e, &s), getresgid(&rg, &eg, &sg);
    say("%s: %d %d %d, %d %d %d\n", what, r, e, s, rg, eg, sg);
}

static void for_good(void) {
    must(setgid(100) == 0 && setuid(1000) == 0);
    tell("setuid");
    say("back: %s ", result(setuid(0)));
    say("%s\n", result(setgid(0)));
}

static void for_a_while(void) {
    must(setegid(100) == 0 && seteuid(1000) == 0);
    tell("seteuid");
    say("back: %s\n", result(seteuid(0)));
    tell("back");
    must(setresuid(1, 2, 3) == 0);
    tell("setresuid");
    say("foreign: %s\n", result(setresuid(-1, 4, -1)));
    say("to the saved: %s\n", result(setresuid(-1, 3, -1)));
    say("swap: %s\n", result(setreuid(3, 1)));
    tell("setreuid");
}

int main(void) {
    tell("at first");
    in_child(for_good);
    in_child(for_a_while);
    must(setreuid(1000, -1) == 0);
    tell("real only");
    return 0;
}
