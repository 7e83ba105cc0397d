// Search, read and write bits of a directory govern lookup, listing and changing names.
// Spec: path_resolution(7)
// Needs: root
#include "../guest.h"

static void user(void) {
    struct stat about;
    become(1000);
    say("search only: lookup %s, ", result(stat("search/f", &about)));
    say("list %s, ", result(open("search", O_RDONLY)));
    say("create %s\n", result(open("search/new", O_WRONLY | O_CREAT, 0600)));
    say("read only: lookup %s, ", result(stat("read/f", &about)));
    say("list %s, ", result(open("read", O_RDONLY)));
    say("enter %s\n", result(chdir("read")));
    say("write without search: create %s, ", result(open("write/new", O_WRONLY | O_CREAT, 0600)));
    say("unlink %s\n", result(unlink("write/f")));
    say("write and search: create %s, ", result(open("full/new", O_WRONLY | O_CREAT, 0600)));
    say("unlink another's file %s\n", result(unlink("full/f")));
    say("mkdir without write: %s\n", result(mkdir("read/d", 0755)));
    say("rename out: %s\n", result(rename("search/f", "full/g")));
    say("below a closed directory: %s\n", result(stat("closed/none/at/all", &about)));
}

int main(void) {
    struct { const char *name; int mode; } all[] = {{"search", 0711}, {"read", 0744}, {"write", 0722}, {"full", 0777}, {"closed", 0700}};
    char name[32];
    umask(0);
    for (int i = 0; i < 5; i++) {
        must(mkdir(all[i].name, 0755) == 0);
        sprintf(name, "%s/f", all[i].name);
        put(name, "x");
        must(chmod(all[i].name, all[i].mode) == 0);
    }
    in_child(user);
    return 0;
}
