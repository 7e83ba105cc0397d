// A pipe is a FIFO to fstat, and has no position.
// Spec: pipe(7), lseek(2), pread(2)
#include "../guest.h"

int main(void) {
    int ends[2];
    char byte;
    struct stat read_end, write_end;
    must(pipe(ends) == 0 && fstat(ends[0], &read_end) == 0 && fstat(ends[1], &write_end) == 0);
    say("fifo: %d %d\n", S_ISFIFO(read_end.st_mode), S_ISFIFO(write_end.st_mode));
    say("one inode: %d\n", read_end.st_ino == write_end.st_ino);
    say("mode %03o, size %d, links %d\n", read_end.st_mode & 0777, (int)read_end.st_size, (int)read_end.st_nlink);
    say("lseek: %s\n", result(lseek(ends[0], 0, SEEK_CUR)));
    say("pread: %s\n", result(pread(ends[0], &byte, 1, 0)));
    say("pwrite: %s\n", result(pwrite(ends[1], &byte, 1, 0)));
    say("ftruncate: %s\n", result(ftruncate(ends[1], 0)));
    say("fsync: %s\n", result(fsync(ends[1])));
    return 0;
}
