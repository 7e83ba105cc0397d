// mkdir and rmdir: existing names, contents, dot, and the link counts of the parent.
// Spec: mkdir(2), rmdir(2)
#include "../guest.h"

static int links(const char *path) {
    struct stat about;
    must(stat(path, &about) == 0);
    return about.st_nlink;
}

int main(void) {
    mkdir("d", 0755);
    say("new: %d links\n", links("d"));
    mkdir("d/one", 0755), mkdir("d/two", 0755);
    put("d/file", "");
    say("with two below: %d links\n", links("d"));
    say("existing: %s\n", result(mkdir("d", 0755)));
    say("existing file: %s\n", result(mkdir("d/file", 0755)));
    say("below a missing one: %s\n", result(mkdir("x/y", 0755)));
    say("below a file: %s\n", result(mkdir("d/file/y", 0755)));
    say("with a slash: %s\n", result(mkdir("d/three/", 0755)));
    say("dot: %s\n", result(mkdir("d/.", 0755)));
    say("not empty: %s\n", result(rmdir("d")));
    say("a file: %s\n", result(rmdir("d/file")));
    say("missing: %s\n", result(rmdir("none")));
    say("dot: %s\n", result(rmdir("d/one/.")));
    say("dot dot: %s\n", result(rmdir("d/one/..")));
    must(symlink("one", "d/link") == 0);
    say("a link: %s\n", result(rmdir("d/link")));
    must(rmdir("d/one") == 0 && rmdir("d/two") == 0);
    say("back to one: %d links\n", links("d"));
    say("root: %s\n", result(rmdir("/")));
    return 0;
}
