// Pointers outside memory are EFAULT for calls that copy, and the process goes on.
// Spec: errno(3), EFAULT
#include "../guest.h"
#include <sys/uio.h>
#include <time.h>

int main(void) {
    void *bad = (void *)(uintptr_t)0xfffff000u;
    struct stat *about = bad;
    int ends[2];
    must(pipe(ends) == 0 && write(ends[1], "abc", 3) == 3);
    put("f", "text");
    int fd = open("f", O_RDWR);
    say("read a file: %s\n", result(read(fd, bad, 4)));
    say("write a file: %s\n", result(write(fd, bad, 4)));
    say("read a pipe: %s\n", result(read(ends[0], bad, 3)));
    say("write a pipe: %s\n", result(write(ends[1], bad, 3)));
    say("open: %s\n", result(open(bad, O_RDONLY)));
    say("stat: %s\n", result(syscall(4 /* stat */, "f", bad)));
    say("pipe: %s\n", result(syscall(22 /* pipe */, bad)));
    struct iovec part = {bad, 10};
    say("writev: %s\n", result(writev(fd, &part, 1)));
    say("readv of a bad list: %s\n", result(readv(fd, bad, 1)));
    say("the pipe still holds: %d\n", (int)read(ends[0], (char[8]){0}, 8));
    return 0;
}
