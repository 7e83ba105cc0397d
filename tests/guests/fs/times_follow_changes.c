// Writing changes mtime and ctime, chmod only ctime, and making a name the directory's mtime.
// Spec: inode(7), "The file timestamps"
#include "../guest.h"

static struct timespec old = {1000000000, 0};

static void tell(const char *what, const char *path) {
    struct stat about;
    must(stat(path, &about) == 0);
    say("%s: mtime %s, ctime recent %d\n", what, about.st_mtim.tv_sec == old.tv_sec ? "old" : "new", about.st_ctim.tv_sec > 1600000000);
}

static void age(const char *path) {
    struct timespec times[] = {old, old};
    must(utimensat(AT_FDCWD, path, times, 0) == 0);
}

int main(void) {
    mkdir("d", 0755);
    put("d/f", "x");
    age("d/f"), age("d");
    tell("aged", "d/f");
    must(chmod("d/f", 0600) == 0);
    tell("chmod", "d/f");
    int fd = open("d/f", O_RDWR);
    tell("open", "d/f");
    must(write(fd, "", 0) == 0);
    tell("write of nothing", "d/f");
    must(write(fd, "y", 1) == 1);
    tell("write", "d/f");
    tell("its directory", "d");
    age("d/f");
    must(ftruncate(fd, 0) == 0);
    tell("truncate", "d/f");
    must(link("d/f", "d/g") == 0);
    tell("directory after link", "d");
    age("d");
    must(unlink("d/g") == 0);
    tell("directory after unlink", "d");
    age("d");
    must(rename("d/f", "d/h") == 0);
    tell("directory after rename", "d");
    return 0;
}
