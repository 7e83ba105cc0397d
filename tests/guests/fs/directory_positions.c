// telldir and seekdir return to a place in a directory.
// Spec: telldir(3), seekdir(3)
#include "../guest.h"
#include <dirent.h>

int main(void) {
    char name[16], seen[40][16];
    mkdir("d", 0755);
    for (int i = 0; i < 30; i++) {
        sprintf(name, "d/%d", i);
        put(name, "");
    }
    DIR *directory = opendir("d");
    long places[40];
    int count = 0;
    for (;;) {
        places[count] = telldir(directory);
        struct dirent *entry = readdir(directory);
        if (!entry) break;
        strcpy(seen[count++], entry->d_name);
    }
    int wrong = 0;
    for (int i = count - 1; i >= 0; i -= 3) {
        seekdir(directory, places[i]);
        struct dirent *entry = readdir(directory);
        if (!entry || strcmp(entry->d_name, seen[i]) != 0) wrong++;
    }
    say("%d entries, wrong after seeking %d\n", count, wrong);
    return 0;
}
