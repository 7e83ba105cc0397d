// lseek moves relative to start, position and end, may pass the end, and never goes below zero.
// Spec: lseek(2)
#include "../guest.h"

int main(void) {
    struct stat about;
    put("file", "0123456789");
    int fd = open("file", O_RDWR);
    say("set 4: %d\n", (int)lseek(fd, 4, SEEK_SET));
    say("forward 3: %d\n", (int)lseek(fd, 3, SEEK_CUR));
    say("back 5: %d\n", (int)lseek(fd, -5, SEEK_CUR));
    say("end - 1: %d\n", (int)lseek(fd, -1, SEEK_END));
    say("below zero: %s\n", result(lseek(fd, -11, SEEK_END)));
    say("not moved: %d\n", (int)lseek(fd, 0, SEEK_CUR));
    say("bad whence: %s\n", result(lseek(fd, 0, 77)));
    say("past the end: %lld\n", (long long)lseek(fd, 5000000000LL, SEEK_SET));
    char byte;
    say("read there: %d\n", (int)read(fd, &byte, 1));
    fstat(fd, &about);
    say("size unchanged: %d\n", (int)about.st_size);
    say("overflow: %s\n", result(lseek(fd, 0x7fffffffffffffffLL, SEEK_CUR)));
    say("/dev/null: %s\n", result(lseek(open("/dev/null", O_RDWR), 5, SEEK_SET)));
    return 0;
}
