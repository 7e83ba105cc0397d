// truncate cuts and extends with zeros; positions stay; directories and negative sizes are refused.
// Spec: truncate(2)
#include "../guest.h"

int main(void) {
    struct stat about;
    char text[16];
    put("f", "0123456789");
    int fd = open("f", O_RDWR);
    must(lseek(fd, 8, SEEK_SET) == 8);
    say("cut: %s\n", result(ftruncate(fd, 4)));
    show("f");
    say("position %d, ", (int)lseek(fd, 0, SEEK_CUR));
    say("read %d\n", (int)read(fd, text, 16));
    say("extend: %s\n", result(truncate("f", 12)));
    ssize_t n = pread(fd, text, 16, 0);
    say("%d bytes, zeros:", (int)n);
    for (int i = 4; i < n; i++) say(" %d", text[i]);
    say("\n");
    must(write(fd, "X", 1) == 1 && fstat(fd, &about) == 0);
    say("size after a write at 8: %d\n", (int)about.st_size);
    say("negative: %s\n", result(ftruncate(fd, -1)));
    say("directory: %s\n", result(truncate(".", 0)));
    say("missing: %s\n", result(truncate("none", 0)));
    say("beyond 4 GiB: %s, ", result(truncate("f", 5000000000LL)));
    must(stat("f", &about) == 0);
    say("size %lld\n", (long long)about.st_size);
    return 0;
}
