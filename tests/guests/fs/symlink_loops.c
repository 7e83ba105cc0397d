// A chain of symbolic links is followed forty deep; loops and longer chains give ELOOP.
// Spec: path_resolution(7), symlink(7)
#include "../guest.h"

int main(void) {
    char from[16], to[16];
    struct stat about;
    must(symlink("self", "self") == 0 && symlink("two", "one") == 0 && symlink("one", "two") == 0);
    say("self: %s\n", result(open("self", O_RDONLY)));
    say("pair: %s\n", result(stat("one", &about)));
    say("on the way: %s\n", result(stat("one/x", &about)));
    say("lstat: %s\n", result(lstat("one", &about)));
    put("l0", "end of the chain");
    for (int i = 1; i <= 41; i++) {
        sprintf(to, "l%d", i - 1), sprintf(from, "l%d", i);
        must(symlink(to, from) == 0);
    }
    show("l40");
    show("l41");
    say("O_CREAT through the loop: %s\n", result(open("self", O_WRONLY | O_CREAT, 0600)));
    return 0;
}
