// SEEK_DATA and SEEK_HOLE find data, and the hole that every file has at its end.
// Spec: lseek(2)
#include "../guest.h"

int main(void) {
    put("f", "0123456789");
    int fd = open("f", O_RDWR);
    say("data from 0: %d\n", (int)lseek(fd, 0, SEEK_DATA));
    say("data from 4: %d\n", (int)lseek(fd, 4, SEEK_DATA));
    say("hole from 4: %d\n", (int)lseek(fd, 4, SEEK_HOLE));
    say("data from the end: %s\n", result(lseek(fd, 10, SEEK_DATA)));
    say("hole from the end: %s\n", result(lseek(fd, 10, SEEK_HOLE)));
    say("negative: %s\n", result(lseek(fd, -1, SEEK_DATA)));
    must(pwrite(fd, "x", 1, 1 << 20) == 1);
    off_t data = lseek(fd, 8192, SEEK_DATA);
    say("data after the hole, at most at the byte: %d\n", data > 0 && data <= 1 << 20);
    return 0;
}
