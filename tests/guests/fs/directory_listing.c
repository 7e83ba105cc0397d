// readdir gives every name once with its type, "." and ".." among them.
// Spec: readdir(3), getdents64(2)
#include "../guest.h"
#include <dirent.h>

static int order(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static const char *type(int t) {
    return t == DT_DIR ? "directory" : t == DT_REG ? "file" : t == DT_LNK ? "link" : t == DT_FIFO ? "fifo" : "other";
}

int main(void) {
    mkdir("d", 0755), mkdir("d/sub", 0755);
    put("d/file", ""), put("d/.hidden", ""), put("d/a name with spaces", "");
    must(symlink("x", "d/link") == 0 && mkfifo("d/fifo", 0644) == 0);
    DIR *directory = opendir("d");
    char *lines[32];
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        struct stat about;
        must(fstatat(dirfd(directory), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0);
        must(asprintf(&lines[count++], "%s: %s, inode as in stat %d", entry->d_name, type(entry->d_type),
                      strcmp(entry->d_name, "..") == 0 || entry->d_ino == about.st_ino) > 0);
    }
    qsort(lines, count, sizeof *lines, order);
    for (int i = 0; i < count; i++) say("%s\n", lines[i]);
    rewinddir(directory);
    int again = 0;
    while (readdir(directory)) again++;
    say("after rewind: %d\n", again);
    say("a file: %s\n", result(opendir("d/file") ? 0 : -1));
    return 0;
}
