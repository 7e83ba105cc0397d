// A file name is any bytes but the zero and the slash; case and normal forms are different names.
// Spec: path_resolution(7)
#include "../guest.h"
#include <dirent.h>

int main(void) {
    const char *names[] = {"\xff\xfe", "\xc3\xa9", "e\xcc\x81", "A", "a", "new\nline", "tab\t", " ", "...", "-rf", "\x01", "~", "*", "\\"};
    unsigned count = sizeof names / sizeof *names;
    mkdir("d", 0755);
    must(chdir("d") == 0);
    for (unsigned i = 0; i < count; i++) put(names[i], names[i]);
    DIR *directory = opendir(".");
    unsigned found = 0, total = 0;
    for (struct dirent *entry; (entry = readdir(directory)); total++)
        for (unsigned i = 0; i < count; i++) found += strcmp(entry->d_name, names[i]) == 0;
    say("made %d, found %d, with the dots %d\n", count, found, total);
    for (unsigned i = 0; i < count; i++) {
        char text[16] = {0};
        int fd = open(names[i], O_RDONLY);
        must(fd >= 0 && read(fd, text, 15) == (ssize_t)strlen(names[i]));
        if (strcmp(text, names[i]) != 0) say("wrong contents: %d\n", i);
        must(unlink(names[i]) == 0);
    }
    say("gone: %s\n", result(rmdir("../d")));
    return 0;
}
