// What is made in a set-group-id directory gets its group, and directories the bit as well.
// Spec: inode(7), S_ISGID; mkdir(2)
// Needs: root
#include "../guest.h"

static void tell(const char *path) {
    struct stat about;
    must(stat(path, &about) == 0);
    say("%s: group %d, mode %04o\n", path, about.st_gid, about.st_mode & 07777);
}

int main(void) {
    umask(022);
    must(mkdir("d", 0755) == 0 && chown("d", 0, 100) == 0 && chmod("d", 02775) == 0);
    put("d/file", "");
    mkdir("d/sub", 0755);
    mkfifo("d/fifo", 0644);
    put("outside", "");
    tell("d"), tell("d/file"), tell("d/sub"), tell("d/fifo"), tell("outside");
    mkdir("d/sub/sub", 0700);
    tell("d/sub/sub");
    return 0;
}
