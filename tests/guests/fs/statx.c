// statx gives type, mode, size, links and times, and says which fields it filled.
// Spec: statx(2)
#include "../guest.h"

int main(void) {
    struct statx about;
    put("f", "12345");
    must(chmod("f", 0640) == 0 && symlink("f", "link") == 0);
    say("file: %s\n", result(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &about)));
    say("basic fields filled: %d\n", (about.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    say("mode %o, size %d, links %d\n", about.stx_mode, (int)about.stx_size, (int)about.stx_nlink);
    struct stat plain;
    must(stat("f", &plain) == 0);
    say("as stat: inode %d, owner %d, mtime %d, blocks %d\n", plain.st_ino == about.stx_ino,
        plain.st_uid == about.stx_uid && plain.st_gid == about.stx_gid,
        plain.st_mtim.tv_sec == about.stx_mtime.tv_sec && plain.st_mtim.tv_nsec == about.stx_mtime.tv_nsec,
        plain.st_blocks == (long long)about.stx_blocks);
    must(statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &about) == 0);
    say("link: %d\n", S_ISLNK(about.stx_mode));
    int fd = open("f", O_RDONLY);
    must(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &about) == 0);
    say("by descriptor: %d\n", (int)about.stx_size);
    say("empty path: %s\n", result(statx(AT_FDCWD, "", 0, STATX_SIZE, &about)));
    say("unknown flag: %s\n", result(statx(AT_FDCWD, "f", 0x80000, STATX_SIZE, &about)));
    say("missing: %s\n", result(statx(AT_FDCWD, "none", 0, STATX_SIZE, &about)));
    return 0;
}
