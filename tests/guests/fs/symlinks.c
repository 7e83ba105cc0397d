// A symbolic link is a text: resolved from its own directory, not checked when made, with a size of its length.
// Spec: symlink(2), symlink(7)
#include "../guest.h"

int main(void) {
    struct stat about;
    mkdir("d", 0755);
    put("d/target", "in d");
    put("target", "at the top");
    must(symlink("target", "d/relative") == 0 && symlink("../target", "d/up") == 0);
    show("d/relative");
    show("d/up");
    must(lstat("d/up", &about) == 0);
    say("size %d, link %d, mode %03o\n", (int)about.st_size, S_ISLNK(about.st_mode), about.st_mode & 0777);
    say("existing: %s\n", result(symlink("x", "target")));
    say("empty target: %s\n", result(symlink("", "e")));
    must(symlink("d", "dl") == 0);
    show("dl/target");
    show("dl/../target");
    must(unlink("dl") == 0);
    say("the directory stays: %s\n", result(stat("d", &about)));
    char longest[4097];
    memset(longest, 'x', sizeof longest);
    longest[4096] = 0;
    say("4096 bytes: %s\n", result(symlink(longest, "long")));
    return 0;
}
