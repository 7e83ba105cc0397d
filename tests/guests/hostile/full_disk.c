// Writes until the filesystem is full, then removes the file and can write again.
// Threat: a guest fills the host's memory by files. write says ENOSPC (or EDQUOT) at the limit.
#include "../guest.h"

int main(void) {
    static char block[1 << 20];
    int fd = open("big", O_WRONLY | O_CREAT, 0644), megabytes = 0;
    must(fd >= 0);
    while (write(fd, block, sizeof block) > 0) megabytes++;
    say("refused: %s\n", errname(errno));
    close(fd);
    must(unlink("big") == 0);
    put("small", "fits again");
    show("small");
    dprintf(2, "%d MiB\n", megabytes);
    return 0;
}
