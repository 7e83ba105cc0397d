// A directory removed while open is empty, cannot be filled, and does not come back.
// Spec: rmdir(2), openat(2)
#include "../guest.h"
#include <dirent.h>

int main(void) {
    struct stat about;
    mkdir("d", 0755);
    int fd = open("d", O_RDONLY | O_DIRECTORY);
    must(rmdir("d") == 0 && fstat(fd, &about) == 0);
    say("links %d, directory %d\n", (int)about.st_nlink, S_ISDIR(about.st_mode));
    say("create in it: %s\n", result(openat(fd, "f", O_WRONLY | O_CREAT, 0644)));
    say("mkdir in it: %s\n", result(mkdirat(fd, "e", 0755)));
    say("symlink in it: %s\n", result(symlinkat("x", fd, "l")));
    say("rename into it: %s\n", (put("f", ""), result(renameat(AT_FDCWD, "f", fd, "f"))));
    DIR *directory = fdopendir(dup(fd));
    int entries = 0;
    while (readdir(directory)) entries++;
    say("entries: %d\n", entries);
    mkdir("d", 0755);
    say("a new one of that name is another: %s\n", result(openat(fd, "f", O_WRONLY | O_CREAT, 0644)));
    return 0;
}
