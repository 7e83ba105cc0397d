// nftw visits every node of a tree, children first when asked, and removes it.
// Spec: nftw(3)
#include "../guest.h"
#include <ftw.h>

static int files, directories, links, deepest, order_broken;
static char last_directory[256];

static int visit(const char *path, const struct stat *about, int type, struct FTW *at) {
    if (at->level > deepest) deepest = at->level;
    if (type == FTW_F) files++;
    else if (type == FTW_DP) directories++;
    else if (type == FTW_SL || type == FTW_SLN) links++;
    return remove(path);
}

int main(void) {
    char path[256];
    mkdir("tree", 0755);
    for (int i = 0; i < 5; i++) {
        sprintf(path, "tree/%d", i), mkdir(path, 0755);
        for (int j = 0; j < 4; j++) {
            sprintf(path, "tree/%d/%d", i, j), mkdir(path, 0755);
            sprintf(path, "tree/%d/%d/file", i, j), put(path, "x");
            sprintf(path, "tree/%d/%d/link", i, j), must(symlink("../..", path) == 0);
        }
    }
    say("walk: %d\n", nftw("tree", visit, 8, FTW_DEPTH | FTW_PHYS));
    say("files %d, directories %d, links %d, deepest %d\n", files, directories, links, deepest);
    say("gone: %s\n", result(access("tree", F_OK)));
    return 0;
}
