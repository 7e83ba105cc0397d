// umask takes bits from the mode of what is made, not from chmod; only its nine bits count.
// Spec: umask(2)
#include "../guest.h"

static void tell(const char *path) {
    struct stat about;
    must(lstat(path, &about) == 0);
    say("%s: %04o\n", path, about.st_mode & 07777);
}

int main(void) {
    umask(027);
    say("previous: %03o\n", umask(0137));
    close(open("file", O_WRONLY | O_CREAT, 0777));
    mkdir("directory", 0777);
    mkfifo("fifo", 0666);
    tell("file"), tell("directory"), tell("fifo");
    must(chmod("file", 0777) == 0);
    tell("file");
    umask(07777);
    say("only nine bits: %04o\n", umask(0));
    mkdir("sticky", 01777);
    tell("sticky");
    return 0;
}
