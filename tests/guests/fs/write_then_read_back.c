// Overlapping writes at many places give the same file as the same writes to memory.
// Spec: write(2), read(2)
#include "../guest.h"

int main(void) {
    static unsigned char model[300000], back[300000], block[9000];
    unsigned x = 7, size = 0;
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    for (int round = 0; round < 200; round++) {
        x = x * 1103515245 + 12345;
        unsigned at = (x >> 8) % 280000, length = (x >> 4) % 9000;
        for (unsigned i = 0; i < length; i++) block[i] = round + i;
        must(pwrite(fd, block, length, at) == (ssize_t)length);
        memcpy(model + at, block, length);
        if (at + length > size && length) size = at + length;
        if (round % 50 == 49) {
            size = size / 2;
            must(ftruncate(fd, size) == 0);
            memset(model + size, 0, sizeof model - size);
        }
    }
    struct stat about;
    must(fstat(fd, &about) == 0);
    ssize_t n = pread(fd, back, sizeof back, 0);
    say("size as the model: %d, read %d, equal %d\n", about.st_size == size, n == (ssize_t)size, memcmp(model, back, size) == 0);
    return 0;
}
