// In a sticky directory a user may remove or rename only own files.
// Spec: unlink(2), rename(2), inode(7) S_ISVTX
// Needs: root
#include "../guest.h"

static void user(void) {
    become(1000);
    say("another's: unlink %s, ", result(unlink("tmp/roots")));
    say("rename %s, ", result(rename("tmp/roots", "tmp/x")));
    say("replace %s\n", result(rename("tmp/mine", "tmp/roots")));
    say("rmdir: %s\n", result(rmdir("tmp/rootsdir")));
    say("own: rename %s, ", result(rename("tmp/mine", "tmp/still-mine")));
    say("unlink %s\n", result(unlink("tmp/still-mine")));
    say("new: %s, ", result(open("tmp/new", O_WRONLY | O_CREAT | O_EXCL, 0600)));
    say("unlink %s\n", result(unlink("tmp/new")));
    say("own sticky directory: %s\n", result(unlink("own/roots")));
}

int main(void) {
    struct stat about;
    umask(0);
    must(mkdir("tmp", 0777) == 0 && chmod("tmp", 01777) == 0 && mkdir("tmp/rootsdir", 0777) == 0);
    must(mkdir("own", 0777) == 0 && chmod("own", 01777) == 0 && chown("own", 1000, 1000) == 0);
    put("tmp/roots", ""), put("tmp/mine", ""), put("own/roots", "");
    must(chmod("tmp/roots", 0666) == 0 && chown("tmp/mine", 1000, 1000) == 0);
    must(stat("tmp", &about) == 0);
    say("mode %04o\n", about.st_mode & 07777);
    in_child(user);
    return 0;
}
