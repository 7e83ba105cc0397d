// mprotect and madvise take mapped pages and refuse odd addresses.
// Spec: mprotect(2), madvise(2)
#include "../guest.h"
#include <sys/mman.h>

int main(void) {
    char *at = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(at != MAP_FAILED);
    memset(at, 'x', 16384);
    say("read only: %s\n", result(mprotect(at, 4096, PROT_READ)));
    say("still read: %c\n", at[100]);
    say("writable again: %s\n", result(mprotect(at, 4096, PROT_READ | PROT_WRITE)));
    at[100] = 'y';
    say("advice: %s\n", result(madvise(at, 16384, MADV_WILLNEED)));
    say("dropped: %s, ", result(madvise(at + 8192, 4096, MADV_DONTNEED)));
    say("reads %d, neighbour %c\n", at[8192], at[4096]);
    say("unknown advice: %s\n", result(madvise(at, 4096, 7777)));
    return 0;
}
