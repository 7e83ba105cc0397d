// A file that is unlinked while open can still be read, written and measured.
// Spec: unlink(2)
#include "../guest.h"

int main(void) {
    char text[32];
    struct stat about;
    put("f", "first");
    int fd = open("f", O_RDWR);
    must(unlink("f") == 0);
    say("name: %s\n", result(stat("f", &about)));
    must(fstat(fd, &about) == 0);
    say("links %d, size %d\n", (int)about.st_nlink, (int)about.st_size);
    must(lseek(fd, 0, SEEK_END) == 5 && write(fd, " second", 7) == 7);
    put("f", "another file");
    ssize_t n = pread(fd, text, sizeof text, 0);
    say("read: %.*s\n", (int)n, text);
    show("f");
    say("directory: %s\n", result(unlink(".")));
    mkdir("d", 0755);
    say("directory by unlink: %s\n", result(unlink("d")));
    say("missing: %s\n", result(unlink("none")));
    say("with a slash: %s\n", result(unlink("f/")));
    return 0;
}
