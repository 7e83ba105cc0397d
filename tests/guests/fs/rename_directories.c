// rename moves directories with all in them, over empty ones only, and never below themselves.
// Spec: rename(2)
#include "../guest.h"

int main(void) {
    struct stat before, after;
    mkdir("a", 0755), mkdir("a/sub", 0755), mkdir("empty", 0755), mkdir("full", 0755);
    put("a/f", "moved along"), put("full/x", ""), put("file", "");
    must(stat("a", &before) == 0);
    say("below itself: %s\n", result(rename("a", "a/sub/b")));
    say("onto a parent: %s\n", result(rename("a/sub", "a")));
    say("over a full one: %s\n", result(rename("a", "full")));
    say("over a file: %s\n", result(rename("a", "file")));
    say("a file over a directory: %s\n", result(rename("file", "empty")));
    say("over an empty one: %s\n", result(rename("a", "empty")));
    must(stat("empty", &after) == 0);
    say("same inode: %d, links %d\n", before.st_ino == after.st_ino, (int)after.st_nlink);
    show("empty/f");
    say("dot: %s\n", result(rename("empty/.", "x")));
    say("dot dot: %s\n", result(rename("empty/..", "x")));
    say("a file with a slash: %s\n", result(rename("file", "moved/")));
    say("a directory with a slash: %s\n", result(rename("empty", "moved/")));
    show("moved/f");
    must(rename("moved/sub", "top") == 0 && stat("moved", &after) == 0);
    say("links after the child left: %d\n", (int)after.st_nlink);
    must(stat("top/..", &before) == 0 && stat(".", &after) == 0);
    say("its dot dot follows: %d\n", before.st_ino == after.st_ino);
    return 0;
}
