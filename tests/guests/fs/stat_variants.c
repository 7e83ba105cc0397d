// stat follows links, lstat and fstatat with a flag do not; fstatat takes a directory or the descriptor itself.
// Spec: stat(2)
#include "../guest.h"

static const char *kind(struct stat *s) {
    return S_ISREG(s->st_mode) ? "file" : S_ISDIR(s->st_mode) ? "directory" : S_ISLNK(s->st_mode) ? "link" : "other";
}

int main(void) {
    struct stat about;
    mkdir("d", 0755);
    put("d/f", "12");
    must(symlink("f", "d/link") == 0 && symlink("none", "d/dangling") == 0);
    must(stat("d/link", &about) == 0);
    say("stat: %s\n", kind(&about));
    must(lstat("d/link", &about) == 0);
    say("lstat: %s\n", kind(&about));
    int directory = open("d", O_RDONLY | O_DIRECTORY);
    must(fstatat(directory, "link", &about, 0) == 0);
    say("fstatat: %s\n", kind(&about));
    must(fstatat(directory, "link", &about, AT_SYMLINK_NOFOLLOW) == 0);
    say("NOFOLLOW: %s, size %d\n", kind(&about), (int)about.st_size);
    must(fstatat(directory, "", &about, AT_EMPTY_PATH) == 0);
    say("EMPTY_PATH: %s\n", kind(&about));
    say("empty path: %s\n", result(fstatat(directory, "", &about, 0)));
    say("dangling: %s\n", result(stat("d/dangling", &about)));
    say("relative to a file: %s\n", result(fstatat(open("d/f", O_RDONLY), "x", &about, 0)));
    say("relative to nothing: %s\n", result(fstatat(77, "x", &about, 0)));
    must(stat("d/link/", &about) == -1);
    say("a file with a slash: %s\n", errname(errno));
    say("unknown flag: %s\n", result(fstatat(directory, "f", &about, 0x8000)));
    return 0;
}
