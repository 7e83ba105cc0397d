// readv and writev take up to IOV_MAX parts, skip empty ones, and refuse bad counts.
// Spec: readv(2)
#include "../guest.h"
#include <sys/uio.h>

int main(void) {
    static struct iovec parts[1025];
    int fd = open("file", O_RDWR | O_CREAT, 0644);
    for (int i = 0; i < 1025; i++) parts[i].iov_base = "x", parts[i].iov_len = 1;
    say("1024 parts: %d\n", (int)writev(fd, parts, 1024));
    say("1025 parts: %s\n", result(writev(fd, parts, 1025)));
    say("none: %d\n", (int)writev(fd, parts, 0));
    say("negative: %s\n", result(writev(fd, parts, -1)));
    char a[2], b[3];
    struct iovec mixed[] = {{a, 2}, {NULL, 0}, {b, 3}};
    lseek(fd, 0, SEEK_SET);
    say("with an empty part: %d\n", (int)readv(fd, mixed, 3));
    say("position %d\n", (int)lseek(fd, 0, SEEK_CUR));
    lseek(fd, 1021, SEEK_SET);
    say("cut at the end: %d\n", (int)readv(fd, mixed, 3));
    struct iovec huge[] = {{a, (size_t)-1}, {b, 3}};
    say("sum too large: %s\n", result(writev(fd, huge, 2)));
    return 0;
}
