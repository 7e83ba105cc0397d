// fchdir enters an open directory, wherever it has been moved; a file is refused.
// Spec: fchdir(2)
#include "../guest.h"

int main(void) {
    char path[4096];
    mkdir("d", 0755), mkdir("other", 0755);
    put("f", "");
    int directory = open("d", O_RDONLY), file = open("f", O_RDONLY), top = open(".", O_RDONLY);
    must(rename("d", "other/e") == 0);
    say("moved: %s\n", result(fchdir(directory)));
    must(getcwd(path, sizeof path) != NULL);
    say("%s\n", strstr(path, "other"));
    say("file: %s\n", result(fchdir(file)));
    say("closed: %s\n", result(fchdir(77)));
    must(fchdir(top) == 0);
    show("f");
    return 0;
}
