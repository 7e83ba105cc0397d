// Writing past the end leaves a hole that reads as zeros and takes no blocks.
// Spec: lseek(2)
#include "../guest.h"

int main(void) {
    char block[100];
    struct stat about;
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    must(pwrite(fd, "end", 3, 10000000) == 3 && fstat(fd, &about) == 0);
    say("size %d, fewer blocks than bytes %d\n", (int)about.st_size, about.st_blocks * 512LL < 1000000);
    int nonzero = 0;
    for (int at = 0; at < 10000000; at += 100003) {
        ssize_t n = pread(fd, block, sizeof block, at);
        for (int i = 0; i < n; i++) nonzero += block[i] != 0;
    }
    say("non-zero bytes: %d\n", nonzero);
    must(pwrite(fd, "mid", 3, 5000000) == 3 && pread(fd, block, 5, 4999999) == 5);
    say("%d [%.3s] %d\n", block[0], block + 1, block[4]);
    must(pread(fd, block, 100, 9999998) == 5);
    say("%d %d [%.3s]\n", block[0], block[1], block + 2);
    return 0;
}
