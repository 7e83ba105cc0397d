// PR_SET_NAME names the process, cut to fifteen bytes; exec names it after the program.
// Spec: prctl(2), proc(5) comm
#include "../guest.h"
#include <sys/prctl.h>

int main(int argc, char **argv) {
    char name[32] = {0};
    if (argc > 1) {
        prctl(PR_GET_NAME, name);
        say("after exec: [%s]\n", name);
        return 0;
    }
    must(prctl(PR_SET_NAME, "short") == 0);
    must(prctl(PR_GET_NAME, name) == 0);
    say("[%s]\n", name);
    must(prctl(PR_SET_NAME, "a name much longer than fifteen") == 0);
    must(prctl(PR_GET_NAME, name) == 0);
    say("[%s]\n", name);
    char self[4096];
    ssize_t n = readlink(SELF, self, sizeof self - 1);
    must(n > 0);
    self[n] = 0;
    must(symlink(self, "linked-name") == 0);
    execl("./linked-name", "argument zero", "x", (char *)NULL);
    return 1;
}
