// Hard links are names of one inode: contents, mode and link count are shared, and the last unlink frees it.
// Spec: link(2), unlink(2)
#include "../guest.h"

static void tell(void) {
    struct stat a, b;
    int first = stat("a", &a), second = stat("b", &b);
    say("a %s", first ? "-" : "");
    if (!first) say("%d", (int)a.st_nlink);
    say(", b %s", second ? "-" : "");
    if (!second) say("%d", (int)b.st_nlink);
    if (!first && !second) say(", same inode %d", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    say("\n");
}

int main(void) {
    struct stat about;
    put("a", "one");
    tell();
    say("link: %s\n", result(link("a", "b")));
    tell();
    put("b", "changed");
    show("a");
    must(chmod("a", 0600) == 0 && stat("b", &about) == 0);
    say("mode through b: %03o\n", about.st_mode & 0777);
    must(unlink("a") == 0);
    tell();
    show("b");
    return 0;
}
