// mremap grows a map, moving it if it may, and keeps what it held.
// Spec: mremap(2)
#include "../guest.h"
#include <sys/mman.h>

int main(void) {
    unsigned char *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(at != MAP_FAILED);
    for (int i = 0; i < 8192; i++) at[i] = i * 7;
    at = mremap(at, 8192, 1 << 20, MREMAP_MAYMOVE);
    must(at != MAP_FAILED);
    int wrong = 0, nonzero = 0;
    for (int i = 0; i < 8192; i++) wrong += at[i] != (unsigned char)(i * 7);
    for (int i = 8192; i < 1 << 20; i++) nonzero += at[i] != 0;
    say("grown: wrong %d, non-zero behind %d\n", wrong, nonzero);
    at = mremap(at, 1 << 20, 4096, 0);
    must(at != MAP_FAILED);
    wrong = 0;
    for (int i = 0; i < 4096; i++) wrong += at[i] != (unsigned char)(i * 7);
    say("shrunk: wrong %d\n", wrong);
    say("to nothing: %s\n", result(mremap(at, 4096, 0, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0));
    return 0;
}
