// utimensat sets times to the nanosecond, to now, or not at all.
// Spec: utimensat(2)
#include "../guest.h"
#include <sys/time.h>
#include <time.h>

static void tell(const char *path) {
    struct stat about;
    must(lstat(path, &about) == 0);
    say("%s: %lld.%09d %lld.%09d\n", path, (long long)about.st_atim.tv_sec, (int)about.st_atim.tv_nsec, (long long)about.st_mtim.tv_sec,
        (int)about.st_mtim.tv_nsec);
}

int main(void) {
    struct stat about;
    put("f", "x");
    must(symlink("f", "link") == 0);
    struct timespec times[] = {{1000000000, 123456789}, {2000000000, 5}};
    must(utimensat(AT_FDCWD, "f", times, 0) == 0);
    tell("f");
    struct timespec one[] = {{0, UTIME_OMIT}, {1234567890, 0}};
    must(utimensat(AT_FDCWD, "f", one, 0) == 0);
    tell("f");
    struct timespec link[] = {{111, 0}, {222, 0}};
    must(utimensat(AT_FDCWD, "link", link, AT_SYMLINK_NOFOLLOW) == 0);
    must(lstat("link", &about) == 0);
    say("link: %lld\n", (long long)about.st_mtim.tv_sec);
    tell("f");
    struct timespec now[] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    int fd = open("f", O_RDONLY);
    must(futimens(fd, now) == 0 && fstat(fd, &about) == 0);
    say("atime is recent: %d\n", about.st_atim.tv_sec > 1600000000 && about.st_mtim.tv_sec == 1234567890);
    struct timespec bad[] = {{0, 1000000000}, {0, 0}};
    say("bad nanoseconds: %s\n", result(utimensat(AT_FDCWD, "f", bad, 0)));
    struct timeval old[] = {{5, 7}, {6, 8}};
    must(utimes("f", old) == 0);
    tell("f");
    struct timespec late[] = {{5000000000LL, 1}, {5000000001LL, 2}};
    must(utimensat(AT_FDCWD, "f", late, 0) == 0);
    tell("f");
    return 0;
}
