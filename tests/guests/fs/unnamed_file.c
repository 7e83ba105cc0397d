// O_TMPFILE makes a file without a name, which linkat can give one.
// Spec: open(2), O_TMPFILE
#include "../guest.h"

int main(void) {
    char path[64];
    struct stat about;
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    must(fd >= 0);
    must(write(fd, "contents", 8) == 8 && fstat(fd, &about) == 0);
    say("links %d, size %d\n", (int)about.st_nlink, (int)about.st_size);
    sprintf(path, "/proc/self/fd/%d", fd);
    say("linkat: %s\n", result(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW)));
    must(fstat(fd, &about) == 0);
    say("links %d\n", (int)about.st_nlink);
    show("named");
    say("read only: %s\n", result(open(".", O_TMPFILE | O_RDONLY, 0600)));
    return 0;
}
