// link refuses existing names, directories and missing sources; by default it links a symbolic link itself.
// Spec: link(2), linkat(2)
#include "../guest.h"

int main(void) {
    struct stat about;
    mkdir("d", 0755);
    put("f", "x");
    put("g", "y");
    must(symlink("f", "s") == 0 && symlink("none", "dangling") == 0);
    say("existing: %s\n", result(link("f", "g")));
    say("directory: %s\n", result(link("d", "e")));
    say("missing: %s\n", result(link("none", "e")));
    say("into a missing directory: %s\n", result(link("f", "no/e")));
    say("below a file: %s\n", result(link("f", "g/e")));
    say("onto a dangling link: %s\n", result(link("f", "dangling")));
    must(link("s", "t") == 0 && lstat("t", &about) == 0);
    say("the link itself: %d, links %d\n", S_ISLNK(about.st_mode), (int)about.st_nlink);
    must(linkat(AT_FDCWD, "s", AT_FDCWD, "u", AT_SYMLINK_FOLLOW) == 0 && lstat("u", &about) == 0);
    say("AT_SYMLINK_FOLLOW: %d\n", S_ISREG(about.st_mode));
    say("unknown flag: %s\n", result(linkat(AT_FDCWD, "s", AT_FDCWD, "v", 0x8000)));
    say("with a trailing slash: %s\n", result(link("f", "w/")));
    return 0;
}
