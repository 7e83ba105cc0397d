// Writes to a shared map are in the file after msync or munmap.
// Spec: mmap(2), MAP_SHARED; msync(2)
#include "../guest.h"
#include <sys/mman.h>

int main(void) {
    put("f", "0123456789");
    int fd = open("f", O_RDWR);
    char *at = mmap(NULL, 10, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    must(at != MAP_FAILED);
    memcpy(at + 2, "AB", 2);
    say("msync: %s\n", result(msync(at, 10, MS_SYNC)));
    show("f");
    memcpy(at + 8, "YZ", 2);
    must(munmap(at, 10) == 0);
    show("f");
    int ro = open("f", O_RDONLY);
    say("writable on a read-only descriptor: %s\n", result(mmap(NULL, 10, PROT_WRITE, MAP_SHARED, ro, 0) == MAP_FAILED ? -1 : 0));
    return 0;
}
