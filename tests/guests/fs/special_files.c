// mknod makes FIFOs and plain files; devices are root's; an unknown type is refused.
// Spec: mknod(2)
// Needs: root
#include "../guest.h"

static void user(void) {
    become(1000);
    say("device by a user: %s\n", result(mknod("tmp/null", S_IFCHR | 0666, 0x103)));
    say("fifo by a user: %s\n", result(mknod("tmp/fifo", S_IFIFO | 0666, 0)));
}

int main(void) {
    struct stat about;
    umask(022);
    mkdir("tmp", 0777);
    must(chmod("tmp", 0777) == 0);
    say("fifo: %s\n", result(mknod("fifo", S_IFIFO | 0666, 0)));
    must(stat("fifo", &about) == 0);
    say("type %d mode %03o\n", S_ISFIFO(about.st_mode), about.st_mode & 0777);
    say("file: %s\n", result(mknod("file", S_IFREG | 0600, 0)));
    must(stat("file", &about) == 0);
    say("type %d mode %03o size %d\n", S_ISREG(about.st_mode), about.st_mode & 0777, (int)about.st_size);
    say("no type is a file: %s\n", result(mknod("plain", 0644, 0)));
    say("directory: %s\n", result(mknod("directory", S_IFDIR | 0755, 0)));
    say("existing: %s\n", result(mknod("file", S_IFREG | 0600, 0)));
    in_child(user);
    return 0;
}
