// A directory opens for reading only; O_DIRECTORY refuses everything else.
// Spec: open(2), O_DIRECTORY
#include "../guest.h"

int main(void) {
    mkdir("d", 0755);
    put("f", "x");
    must(symlink("d", "link") == 0);
    say("read: %s\n", result(open("d", O_RDONLY)));
    say("write: %s\n", result(open("d", O_WRONLY)));
    say("read and write: %s\n", result(open("d", O_RDWR)));
    say("create: %s\n", result(open("d", O_RDONLY | O_CREAT, 0644)));
    say("truncate: %s\n", result(open("d", O_RDONLY | O_TRUNC)));
    say("O_DIRECTORY: %s\n", result(open("d", O_RDONLY | O_DIRECTORY)));
    say("O_DIRECTORY on a file: %s\n", result(open("f", O_RDONLY | O_DIRECTORY)));
    say("O_DIRECTORY through a link: %s\n", result(open("link", O_RDONLY | O_DIRECTORY)));
    say("and O_NOFOLLOW: %s\n", result(open("link", O_RDONLY | O_DIRECTORY | O_NOFOLLOW)));
    say("create with a trailing slash: %s\n", result(open("new/", O_WRONLY | O_CREAT, 0644)));
    say("dot: %s\n", result(open(".", O_RDONLY | O_DIRECTORY)));
    return 0;
}
