// sendfile and copy_file_range copy within the kernel, by position or by given offsets.
// Spec: sendfile(2), copy_file_range(2)
#include "../guest.h"
#include <sys/sendfile.h>

int main(void) {
    put("in", "0123456789");
    int in = open("in", O_RDONLY), out = open("out", O_RDWR | O_CREAT, 0644), ends[2];
    off_t offset = 6;
    say("sendfile: %d\n", (int)sendfile(out, in, &offset, 100));
    say("offset %d, position %d\n", (int)offset, (int)lseek(in, 0, SEEK_CUR));
    say("by position: %d\n", (int)sendfile(out, in, NULL, 3));
    say("position %d\n", (int)lseek(in, 0, SEEK_CUR));
    show("out");
    must(pipe(ends) == 0);
    say("into a pipe: %d\n", (int)sendfile(ends[1], in, NULL, 100));
    say("from a pipe: %s\n", result(sendfile(out, ends[0], NULL, 5)));
    off_t from = 2, to = 20;
    say("copy_file_range: %d\n", (int)copy_file_range(in, &from, out, &to, 4, 0));
    say("offsets %d %d\n", (int)from, (int)to);
    struct stat about;
    must(fstat(out, &about) == 0);
    say("size %d\n", (int)about.st_size);
    say("at the end: %d\n", (int)copy_file_range(in, NULL, out, NULL, 4, 0));
    say("flags: %s\n", result(copy_file_range(in, NULL, out, NULL, 4, 1)));
    return 0;
}
