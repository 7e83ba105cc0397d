// chown is root's; it clears the set-id bits; -1 leaves a field; lchown changes the link itself.
// Spec: chown(2)
// Needs: root
#include "../guest.h"

static void tell(const char *path) {
    struct stat about;
    must(lstat(path, &about) == 0);
    say("%s: %d:%d %04o\n", path, about.st_uid, about.st_gid, about.st_mode & 07777);
}

static void user(void) {
    gid_t groups[] = {100};
    must(setgroups(1, groups) == 0 && setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
    say("give away: %s\n", result(chown("f", 2000, -1)));
    say("foreign group: %s\n", result(chown("f", -1, 2000)));
    say("own group: %s\n", result(chown("f", -1, 100)));
    say("to oneself: %s\n", result(chown("f", 1000, -1)));
    say("another's: %s\n", result(chown("g", -1, 100)));
}

int main(void) {
    put("f", ""), put("g", "");
    must(symlink("f", "link") == 0 && chmod("f", 06755) == 0);
    must(chown("f", 1000, 1000) == 0);
    tell("f");
    must(chown("f", -1, 3000) == 0);
    tell("f");
    must(lchown("link", 7, 8) == 0);
    say("link: ");
    struct stat about;
    must(lstat("link", &about) == 0);
    say("%d:%d\n", about.st_uid, about.st_gid);
    must(chown("link", 1000, 1000) == 0);
    tell("f");
    in_child(user);
    tell("f");
    return 0;
}
