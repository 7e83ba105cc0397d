// Makes directories inside each other and long chains of links, and walks them.
// Threat: a host that recurses where a guest decides the depth.
#include "../guest.h"

int main(void) {
    int depth = 0;
    struct stat about;
    while (depth < 3000 && mkdir("d", 0755) == 0 && chdir("d") == 0) depth++;
    say("depth %d\n", depth);
    char path[8192];
    say("getcwd: %s\n", getcwd(path, sizeof path) ? "ok" : errname(errno));
    strcpy(path, "l");
    must(symlink("l/l/l/l/l/l/l/l", "l") == 0);
    say("links: %s\n", result(stat("l/l/l/l", &about)));
    must(unlink("l") == 0);
    while (depth-- > 0) must(chdir("..") == 0 && rmdir("d") == 0);
    say("back\n");
    return 0;
}
