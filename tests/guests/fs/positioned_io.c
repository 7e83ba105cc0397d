// pread and pwrite use their own offset and leave the position alone.
// Spec: pread(2), preadv(2)
#include "../guest.h"
#include <sys/uio.h>

int main(void) {
    char text[32], a[3], b[4];
    put("f", "0123456789");
    int fd = open("f", O_RDWR);
    must(lseek(fd, 3, SEEK_SET) == 3);
    say("pread: %d ", (int)pread(fd, text, 4, 5));
    say("%.4s\n", text);
    say("pwrite: %d\n", (int)pwrite(fd, "AB", 2, 1));
    say("position: %d\n", (int)lseek(fd, 0, SEEK_CUR));
    say("cut at the end: %d\n", (int)pread(fd, text, 10, 8));
    say("past the end: %d\n", (int)pread(fd, text, 10, 100));
    say("negative offset: %s\n", result(pread(fd, text, 1, -1)));
    struct iovec parts[] = {{a, 3}, {b, 4}};
    say("preadv: %d ", (int)preadv(fd, parts, 2, 0));
    say("%.3s|%.4s\n", a, b);
    struct iovec out[] = {{"x", 1}, {"yz", 2}};
    say("pwritev: %d\n", (int)pwritev(fd, out, 2, 9));
    say("position: %d\n", (int)lseek(fd, 0, SEEK_CUR));
    show("f");
    say("preadv2 at the position: %d\n", (int)preadv2(fd, parts, 2, -1, 0));
    say("position: %d\n", (int)lseek(fd, 0, SEEK_CUR));
    say("far: %d\n", (int)pwrite(fd, "z", 1, 6000000000LL));
    say("back: %d\n", (int)pread(fd, text, 5, 6000000000LL));
    return 0;
}
