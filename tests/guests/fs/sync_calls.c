// fsync and fdatasync work on files and directories, and are refused on pipes and closed descriptors.
// Spec: fsync(2)
#include "../guest.h"

int main(void) {
    int ends[2], fd = open("f", O_RDWR | O_CREAT, 0644);
    must(pipe(ends) == 0);
    say("file: %s ", result(fsync(fd)));
    say("%s\n", result(fdatasync(fd)));
    say("directory: %s\n", result(fsync(open(".", O_RDONLY))));
    say("read only: %s\n", result(fsync(open("f", O_RDONLY))));
    say("pipe: %s\n", result(fsync(ends[0])));
    say("closed: %s\n", result(fsync(77)));
    sync();
    return 0;
}
