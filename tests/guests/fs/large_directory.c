// A directory of two thousand names is listed completely, and while it is being emptied too.
// Spec: readdir(3)
#include "../guest.h"
#include <dirent.h>

int main(void) {
    char name[300];
    mkdir("d", 0755);
    for (int i = 0; i < 2000; i++) {
        sprintf(name, "d/%0*d", 1 + i % 200, i);
        must(close(open(name, O_WRONLY | O_CREAT | O_EXCL, 0644)) == 0);
    }
    DIR *directory = opendir("d");
    int count = 0, removed = 0;
    long long sum = 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.') count++, sum += atoi(entry->d_name);
    say("%d names, sum %lld\n", count, sum);
    rewinddir(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.') {
            must(unlinkat(dirfd(directory), entry->d_name, 0) == 0);
            removed++;
        }
    say("removed %d, directory %s\n", removed, result(rmdir("d")));
    return 0;
}
