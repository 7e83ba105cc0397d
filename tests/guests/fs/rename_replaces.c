// rename replaces a file at once; open descriptors keep the old one; a name onto its own hard link does nothing.
// Spec: rename(2)
#include "../guest.h"

int main(void) {
    char text[8];
    struct stat about;
    put("a", "new"), put("b", "old");
    int old = open("b", O_RDONLY);
    say("over a file: %s\n", result(rename("a", "b")));
    show("a");
    show("b");
    must(read(old, text, 3) == 3 && fstat(old, &about) == 0);
    say("the old one: %.3s, links %d\n", text, (int)about.st_nlink);
    must(link("b", "c") == 0);
    say("onto its hard link: %s\n", result(rename("b", "c")));
    say("both names stay: %s ", result(stat("b", &about)));
    say("%s\n", result(stat("c", &about)));
    say("onto itself: %s\n", result(rename("b", "b")));
    say("missing: %s\n", result(rename("none", "x")));
    must(symlink("b", "s") == 0 && rename("s", "t") == 0 && lstat("t", &about) == 0);
    say("a link itself moves: %d\n", S_ISLNK(about.st_mode));
    must(rename("c", "t") == 0 && lstat("t", &about) == 0);
    say("and is replaced itself: %d\n", S_ISREG(about.st_mode));
    show("b");
    return 0;
}
