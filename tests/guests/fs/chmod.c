// chmod sets all twelve bits, through links, and only the owner and root may.
// Spec: chmod(2), fchmodat(2)
// Needs: root
#include "../guest.h"

static void tell(const char *path) {
    struct stat about;
    must(stat(path, &about) == 0);
    say("%s: %04o\n", path, about.st_mode & 07777);
}

static void user(void) {
    become(1000);
    say("another's: %s\n", result(chmod("f", 0777)));
    say("own: %s\n", result(chmod("own", 0640)));
    say("set-group-id for a foreign group is dropped: %s\n", result(chmod("own", 02755)));
    tell("own");
}

int main(void) {
    put("f", ""), put("own", "");
    must(chown("own", 1000, 2000) == 0 && symlink("f", "link") == 0);
    must(chmod("f", 07654) == 0);
    tell("f");
    must(chmod("link", 0600) == 0);
    tell("f");
    int fd = open("f", O_RDONLY);
    must(fchmod(fd, 0444) == 0);
    tell("f");
    must(fchmodat(AT_FDCWD, "f", 0111, 0) == 0);
    tell("f");
    say("missing: %s\n", result(chmod("none", 0)));
    in_child(user);
    return 0;
}
