// Memory that is unmapped can be used again: a thousand maps of a megabyte in turn fit.
// Spec: munmap(2)
#include "../guest.h"
#include <sys/mman.h>

int main(void) {
    int failed = 0;
    for (int i = 0; i < 1000; i++) {
        char *at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED) {
            failed++;
            continue;
        }
        at[0] = at[(1 << 20) - 1] = 1;
        if (munmap(at, 1 << 20) != 0) failed++;
    }
    say("failed: %d\n", failed);
    char *parts[50];
    for (int i = 0; i < 50; i++) must((parts[i] = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED);
    for (int i = 0; i < 50; i++) memset(parts[i], i, 65536);
    for (int i = 0; i < 50; i += 2) must(munmap(parts[i], 65536) == 0);
    int wrong = 0;
    for (int i = 1; i < 50; i += 2) wrong += parts[i][0] != i || parts[i][65535] != i;
    say("neighbours spoilt: %d\n", wrong);
    return 0;
}
