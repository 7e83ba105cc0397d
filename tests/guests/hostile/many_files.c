// Makes empty files until it is refused.
// Threat: inodes without bytes. open says ENOSPC at the limit.
#include "../guest.h"

int main(void) {
    char name[32];
    int count = 0;
    mkdir("many", 0755);
    for (;; count++) {
        sprintf(name, "many/%d", count);
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
        if (fd < 0) break;
        close(fd);
    }
    say("refused: %s\n", errname(errno));
    dprintf(2, "%d files\n", count);
    return 0;
}
