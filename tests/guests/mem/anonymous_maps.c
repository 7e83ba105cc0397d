// Anonymous memory is zeroed, page-aligned, and zeroed again when mapped anew.
// Spec: mmap(2), munmap(2)
#include "../guest.h"
#include <sys/mman.h>

static int nonzero(unsigned char *at, int size) {
    int count = 0;
    for (int i = 0; i < size; i++) count += at[i] != 0;
    return count;
}

int main(void) {
    for (int round = 0; round < 3; round++) {
        unsigned char *at = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        must(at != MAP_FAILED);
        say("aligned %d, non-zero %d\n", (uintptr_t)at % 4096 == 0, nonzero(at, 100000));
        memset(at, 0xaa, 100000);
        say("unmapped: %s\n", result(munmap(at, 100000)));
    }
    say("length 0: %s\n", result(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0));
    say("neither shared nor private: %s\n", result(mmap(NULL, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0));
    say("bad descriptor: %s\n", result(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 77, 0) == MAP_FAILED ? -1 : 0));
    say("munmap of an odd address: %s\n", result(munmap((void *)4097, 4096)));
    return 0;
}
