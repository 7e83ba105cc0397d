// O_PATH names a file without opening it: fstat and openat work, read does not.
// Spec: open(2), O_PATH
#include "../guest.h"

int main(void) {
    char byte;
    struct stat about;
    mkdir("directory", 0755);
    put("directory/file", "x");
    must(symlink("directory/file", "link") == 0);
    int file = open("directory/file", O_PATH), directory = open("directory", O_PATH | O_DIRECTORY);
    must(file >= 0 && directory >= 0);
    say("read: %s\n", result(read(file, &byte, 1)));
    say("ftruncate: %s\n", result(ftruncate(file, 0)));
    say("fstat: %s, ", result(fstat(file, &about)));
    say("size %d\n", (int)about.st_size);
    say("openat: %s\n", result(openat(directory, "file", O_RDONLY)));
    say("fchdir: %s\n", result(fchdir(directory)));
    say("F_GETFL has O_PATH: %d\n", !!(fcntl(file, F_GETFL) & O_PATH));
    int link = open("../link", O_PATH | O_NOFOLLOW);
    must(link >= 0 && fstat(link, &about) == 0);
    say("the link itself: %d\n", S_ISLNK(about.st_mode));
    return 0;
}
