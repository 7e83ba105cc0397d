// statfs and statvfs give a block size, room and the longest name.
// Spec: statfs(2), statvfs(3), pathconf(3)
#include "../guest.h"
#include <sys/statfs.h>
#include <sys/statvfs.h>

int main(void) {
    struct statfs facts;
    struct statvfs other;
    must(statfs(".", &facts) == 0);
    say("block size plausible: %d\n", facts.f_bsize >= 512 && facts.f_bsize <= 1 << 20);
    say("free is not more than all: %d\n", facts.f_bfree <= facts.f_blocks && facts.f_bavail <= facts.f_bfree);
    say("longest name: %d\n", (int)facts.f_namelen);
    must(statvfs(".", &other) == 0);
    say("statvfs agrees: %d\n", other.f_namemax == 255 && other.f_frsize >= 512);
    int fd = open(".", O_RDONLY);
    say("fstatfs: %s\n", result(fstatfs(fd, &facts)));
    say("closed: %s\n", result(fstatfs(77, &facts)));
    say("missing: %s\n", result(statfs("none", &facts)));
    say("pathconf: %d %d\n", (int)pathconf(".", _PC_NAME_MAX), (int)pathconf(".", _PC_PIPE_BUF));
    return 0;
}
