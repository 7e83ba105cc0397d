// O_CREAT makes a file with the mode less the umask, O_EXCL insists that there was none, O_TRUNC empties it.
// Spec: open(2)
#include "../guest.h"

static void tell(const char *path) {
    struct stat about;
    must(stat(path, &about) == 0);
    say("%s: mode %04o, size %d, links %d\n", path, about.st_mode & 07777, (int)about.st_size, (int)about.st_nlink);
}

int main(void) {
    umask(022);
    say("without O_CREAT: %s\n", result(open("a", O_RDWR)));
    int fd = open("a", O_RDWR | O_CREAT, 0666);
    must(fd >= 0 && write(fd, "12345", 5) == 5);
    tell("a");
    say("exclusive: %s\n", result(open("a", O_RDWR | O_CREAT | O_EXCL, 0600)));
    say("again: %s\n", result(open("a", O_RDONLY | O_CREAT, 0600)));
    tell("a");
    say("truncated: %s\n", result(open("a", O_WRONLY | O_TRUNC)));
    tell("a");
    say("the mode does not bind the one who made it: %s\n", result(write(open("b", O_WRONLY | O_CREAT, 0), "x", 1)));
    tell("b");
    must(symlink("nowhere", "link") == 0);
    say("exclusive on a dangling link: %s\n", result(open("link", O_WRONLY | O_CREAT | O_EXCL, 0600)));
    say("through a dangling link: %s\n", result(open("link", O_WRONLY | O_CREAT, 0640)));
    tell("nowhere");
    say("in a missing directory: %s\n", result(open("no/such", O_WRONLY | O_CREAT, 0640)));
    say("set-id bits: %s\n", result(open("c", O_WRONLY | O_CREAT, 06755)));
    tell("c");
    return 0;
}
