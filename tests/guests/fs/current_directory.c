// The current directory is an inode, not a path: getcwd follows renames and fails once it is removed.
// Spec: getcwd(2), chdir(2)
#include "../guest.h"

static char start[4096];

static void where(void) {
    char path[4096];
    if (getcwd(path, sizeof path)) say("%s\n", path + strlen(start));
    else say("getcwd: %s\n", errname(errno));
}

int main(void) {
    char small[2];
    must(getcwd(start, sizeof start) != NULL);
    mkdir("a", 0755), mkdir("a/b", 0755), mkdir("c", 0755);
    must(symlink("a/b", "link") == 0);
    must(chdir("link") == 0);
    where();
    say("too small: %s\n", getcwd(small, 2) ? "ok" : errname(errno));
    must(rename("../../a", "../../c/moved") == 0);
    where();
    must(chdir("..") == 0);
    where();
    must(rmdir("b") == 0 && mkdir("gone", 0755) == 0 && chdir("gone") == 0 && rmdir("../gone") == 0);
    where();
    say("create: %s\n", result(open("f", O_WRONLY | O_CREAT, 0644)));
    say("dot: %s\n", result(open(".", O_RDONLY)));
    say("up: %s\n", result(chdir("..")));
    say("to a file: %s\n", (put("f", ""), result(chdir("f"))));
    say("missing: %s\n", result(chdir("none")));
    return 0;
}
