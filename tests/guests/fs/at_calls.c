// The *at calls resolve relative paths from their directory, absolute ones from the root.
// Spec: openat(2), mkdirat(2), unlinkat(2), renameat(2), symlinkat(2)
#include "../guest.h"

int main(void) {
    struct stat about;
    char absolute[4096];
    must(getcwd(absolute, sizeof absolute - 4) != NULL);
    strcat(absolute, "/f");
    mkdir("d", 0755);
    put("f", "top");
    int d = open("d", O_RDONLY | O_DIRECTORY), f = open("f", O_RDONLY);
    say("mkdirat: %s\n", result(mkdirat(d, "sub", 0755)));
    say("in a file: %s\n", result(mkdirat(f, "sub", 0755)));
    say("absolute path, bad directory: %s\n", result(openat(77, absolute, O_RDONLY)));
    say("relative, bad directory: %s\n", result(openat(77, "f", O_RDONLY)));
    int fd = openat(d, "new", O_WRONLY | O_CREAT, 0644);
    must(fd >= 0 && write(fd, "made", 4) == 4);
    show("d/new");
    say("renameat: %s\n", result(renameat(d, "new", AT_FDCWD, "moved")));
    show("moved");
    say("symlinkat: %s\n", result(symlinkat("../moved", d, "link")));
    show("d/link");
    char text[16];
    ssize_t n = readlinkat(d, "link", text, sizeof text);
    say("readlinkat: %.*s\n", (int)n, text);
    say("unlinkat a directory: %s\n", result(unlinkat(d, "sub", 0)));
    say("AT_REMOVEDIR a file: %s\n", result(unlinkat(d, "link", AT_REMOVEDIR)));
    say("AT_REMOVEDIR: %s\n", result(unlinkat(d, "sub", AT_REMOVEDIR)));
    say("unknown flag: %s\n", result(unlinkat(d, "link", 0x8000)));
    say("mkfifoat: %s\n", result(mkfifoat(d, "fifo", 0600)));
    must(fstatat(d, "fifo", &about, 0) == 0);
    say("is one: %d\n", S_ISFIFO(about.st_mode));
    return 0;
}
