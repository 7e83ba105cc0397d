// With O_NONBLOCK a FIFO opens for reading at once; for writing only if there is a reader.
// Spec: fifo(7), open(2)
#include "../guest.h"

int main(void) {
    char byte;
    must(mkfifo("fifo", 0644) == 0);
    say("writer alone: %s\n", result(open("fifo", O_WRONLY | O_NONBLOCK)));
    int in = open("fifo", O_RDONLY | O_NONBLOCK);
    say("reader alone: %s\n", result(in));
    say("no writer yet: %d\n", (int)read(in, &byte, 1));
    int out = open("fifo", O_WRONLY | O_NONBLOCK);
    say("writer: %s\n", result(out));
    say("nothing written: %s\n", result(read(in, &byte, 1)));
    must(write(out, "abc", 3) == 3);
    must(unlink("fifo") == 0);
    say("unlinked, still there: %d\n", (int)read(in, &byte, 1));
    close(out);
    char rest[8];
    say("rest: %d\n", (int)read(in, rest, 8));
    say("end: %d\n", (int)read(in, rest, 8));
    must(mkfifo("both", 0644) == 0);
    int both = open("both", O_RDWR);
    say("read and write at once: %s\n", result(both));
    must(write(both, "q", 1) == 1 && read(both, &byte, 1) == 1);
    say("%c\n", byte);
    return 0;
}
