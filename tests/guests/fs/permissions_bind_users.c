// Owner, group and others each get exactly their own bits; root may read and write everything.
// Spec: path_resolution(7), "Permissions"
// Needs: root
#include "../guest.h"

static void attempt(void) {
    int modes[] = {0400, 0200, 0040, 0004, 0077, 0600, 0000};
    char name[16];
    for (unsigned i = 0; i < 7; i++) {
        sprintf(name, "f%o", modes[i]);
        say("%03o: read %s, ", modes[i], result(open(name, O_RDONLY)));
        say("write %s\n", result(open(name, O_WRONLY)));
    }
}

static int owner, group;

static void as_user(void) {
    must(setgroups(0, NULL) == 0 && setresgid(group, group, group) == 0 && setresuid(owner, owner, owner) == 0);
    attempt();
}

static void go(const char *who, int uid, int gid) {
    say("%s\n", who);
    owner = uid, group = gid;
    in_child(as_user);
}

int main(void) {
    int modes[] = {0400, 0200, 0040, 0004, 0077, 0600, 0000};
    char name[16];
    for (unsigned i = 0; i < 7; i++) {
        sprintf(name, "f%o", modes[i]);
        put(name, "x");
        must(chown(name, 1000, 100) == 0 && chmod(name, modes[i]) == 0);
    }
    go("owner", 1000, 1000);
    go("group", 2000, 100);
    go("other", 2000, 2000);
    go("root", 0, 0);
    return 0;
}
