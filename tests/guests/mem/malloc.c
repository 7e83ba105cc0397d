// malloc, realloc and free over many sizes keep blocks apart and give memory back.
// Spec: malloc(3)
#include "../guest.h"

int main(void) {
    enum { COUNT = 400 };
    static unsigned char *blocks[COUNT];
    static unsigned sizes[COUNT];
    unsigned x = 1, wrong = 0;
    for (int round = 0; round < 8000; round++) {
        x = x * 1103515245 + 12345;
        int i = (x >> 16) % COUNT;
        for (unsigned j = 0; j < sizes[i]; j += 97) wrong += blocks[i][j] != (unsigned char)(i + j);
        if (x & 0x8000) {
            free(blocks[i]);
            blocks[i] = NULL, sizes[i] = 0;
            continue;
        }
        sizes[i] = (x >> 5) % (round % 50 == 0 ? 300000 : 3000) + 1;
        must((blocks[i] = realloc(blocks[i], sizes[i])) != NULL);
        for (unsigned j = 0; j < sizes[i]; j++) blocks[i][j] = i + j;
    }
    say("wrong: %d\n", wrong);
    for (int i = 0; i < 60; i++) {
        char *large = malloc(20 << 20);
        must(large != NULL);
        large[0] = large[(20 << 20) - 1] = 1;
        free(large);
    }
    char *zero = calloc(1000, 1000);
    must(zero != NULL);
    int nonzero = 0;
    for (int i = 0; i < 1000000; i++) nonzero += zero[i] != 0;
    say("calloc, non-zero: %d\n", nonzero);
    // Volatile, so that the compiler does not know the sum overflows.
    volatile size_t huge = (size_t)-1 / 2 + 10;
    void *volatile none = malloc(huge);
    say("too much: %d\n", none == NULL);
    void *aligned;
    say("aligned: %d\n", posix_memalign(&aligned, 4096, 100));
    say("on a page: %d\n", (uintptr_t)aligned % 4096 == 0);
    return wrong;
}
