// /dev/null, zero, full and urandom behave as their names say.
// Spec: null(4), full(4), random(4)
#include "../guest.h"
#include <sys/sysmacros.h>

int main(void) {
    char block[64], other[64];
    struct stat about;
    int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR);
    must(null >= 0 && zero >= 0 && full >= 0);
    say("null: write %d, ", (int)write(null, block, 64));
    say("read %d\n", (int)read(null, block, 64));
    memset(block, 'x', 64);
    say("zero: read %d ", (int)read(zero, block, 64));
    say("first %d last %d, ", block[0], block[63]);
    say("write %d\n", (int)write(zero, block, 64));
    say("full: write %s, ", result(write(full, block, 64)));
    block[0] = 'x';
    say("read %d ", (int)read(full, block, 64));
    say("first %d\n", block[0]);
    int random = open("/dev/urandom", O_RDONLY);
    must(random >= 0 && read(random, block, 64) == 64 && read(random, other, 64) == 64);
    say("urandom differs: %d\n", memcmp(block, other, 64) != 0);
    must(stat("/dev/null", &about) == 0);
    say("null is a character device %d, %d:%d, mode %03o\n", S_ISCHR(about.st_mode), (int)major(about.st_rdev), (int)minor(about.st_rdev),
        about.st_mode & 0777);
    say("truncating null: %s\n", result(open("/dev/null", O_WRONLY | O_TRUNC | O_CREAT, 0644)));
    say("no such device: %s\n", result(open("/dev/none", O_RDONLY)));
    return 0;
}
