// fallocate extends a file with zeros; KEEP_SIZE does not; posix_fallocate returns its error.
// Spec: fallocate(2), posix_fallocate(3)
#include "../guest.h"

int main(void) {
    struct stat about;
    char byte = 7;
    put("f", "abc");
    int fd = open("f", O_RDWR);
    say("extend: %s\n", result(fallocate(fd, 0, 0, 1000)));
    must(fstat(fd, &about) == 0 && pread(fd, &byte, 1, 500) == 1);
    say("size %d, byte %d\n", (int)about.st_size, byte);
    say("within: %s\n", result(fallocate(fd, 0, 0, 10)));
    must(fstat(fd, &about) == 0);
    say("size %d\n", (int)about.st_size);
    say("FALLOC_FL_KEEP_SIZE: %s\n", result(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 5000)));
    must(fstat(fd, &about) == 0);
    say("size %d\n", (int)about.st_size);
    say("zero length: %s\n", result(fallocate(fd, 0, 0, 0)));
    say("negative: %s\n", result(fallocate(fd, 0, -1, 10)));
    say("read only: %s\n", result(fallocate(open("f", O_RDONLY), 0, 0, 10)));
    say("posix_fallocate: %d\n", posix_fallocate(fd, 0, 2000));
    say("on nothing: %s\n", errname(posix_fallocate(77, 0, 2000)));
    return 0;
}
