// readv fills its parts in order; writev writes them as one.
// Spec: readv(2)
#include "../guest.h"
#include <sys/uio.h>

int main(void) {
    int fd = open("f", O_RDWR | O_CREAT, 0644), ends[2];
    char a[5] = {0}, b[5] = {0}, c[20] = {0};
    struct iovec out[] = {{"one ", 4}, {"two ", 4}, {"three", 5}};
    say("writev: %d\n", (int)writev(fd, out, 3));
    show("f");
    lseek(fd, 0, SEEK_SET);
    struct iovec in[] = {{a, 4}, {b, 4}, {c, 19}};
    say("readv: %d\n", (int)readv(fd, in, 3));
    say("[%s] [%s] [%s]\n", a, b, c);
    must(pipe(ends) == 0 && writev(ends[1], out, 3) == 13);
    memset(c, 0, sizeof c);
    say("pipe: %d ", (int)read(ends[0], c, 19));
    say("[%s]\n", c);
    say("closed: %s\n", result(writev(77, out, 3)));
    return 0;
}
