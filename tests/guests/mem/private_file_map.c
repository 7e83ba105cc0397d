// A private map shows the file; writes to it stay out of the file.
// Spec: mmap(2), MAP_PRIVATE
#include "../guest.h"
#include <sys/mman.h>

int main(void) {
    char text[6001];
    for (int i = 0; i < 6000; i++) text[i] = 'a' + i % 26;
    text[6000] = 0;
    put("f", text);
    int fd = open("f", O_RDONLY);
    char *at = mmap(NULL, 6000, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    must(at != MAP_FAILED);
    close(fd);
    say("equal: %d, zero behind the end: %d\n", memcmp(at, text, 6000) == 0, at[6000] == 0);
    at[0] = '#';
    char byte;
    must(pread(open("f", O_RDONLY), &byte, 1, 0) == 1);
    say("file unchanged: %c\n", byte);
    fd = open("f", O_RDONLY);
    char *second = mmap(NULL, 100, PROT_READ, MAP_PRIVATE, fd, 4096);
    must(second != MAP_FAILED);
    say("from an offset: %d\n", memcmp(second, text + 4096, 100) == 0);
    say("odd offset: %s\n", result(mmap(NULL, 100, PROT_READ, MAP_PRIVATE, fd, 100) == MAP_FAILED ? -1 : 0));
    fd = open("f", O_WRONLY);
    say("write-only file: %s\n", result(mmap(NULL, 100, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0));
    say("directory: %s\n", result(mmap(NULL, 100, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY), 0) == MAP_FAILED ? -1 : 0));
    must(munmap(at, 6000) == 0);
    return 0;
}
