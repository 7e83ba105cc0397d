// A descriptor opened for one direction refuses the other; closed ones refuse everything.
// Spec: read(2), write(2), close(2)
#include "../guest.h"

int main(void) {
    char byte;
    struct stat about;
    put("file", "text");
    int in = open("file", O_RDONLY), out = open("file", O_WRONLY);
    say("write to a reader: %s\n", result(write(in, "x", 1)));
    say("read from a writer: %s\n", result(read(out, &byte, 1)));
    say("ftruncate a reader: %s\n", result(ftruncate(in, 0)));
    must(close(in) == 0);
    say("close twice: %s\n", result(close(in)));
    say("read: %s\n", result(read(in, &byte, 1)));
    say("write: %s\n", result(write(-1, "x", 1)));
    say("fstat: %s\n", result(fstat(1000000, &about)));
    say("lseek: %s\n", result(lseek(in, 0, SEEK_SET)));
    say("fchmod: %s\n", result(fchmod(in, 0600)));
    say("a directory: %s\n", result(read(open(".", O_RDONLY), &byte, 1)));
    return 0;
}
