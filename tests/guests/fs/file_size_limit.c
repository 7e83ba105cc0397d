// Past RLIMIT_FSIZE a write is cut, then fails with EFBIG and sends SIGXFSZ.
// Spec: getrlimit(2), RLIMIT_FSIZE
#include "../guest.h"
#include <sys/resource.h>

static volatile sig_atomic_t runs;
static void handler(int signal) { runs++; }

static void killed(void) {
    signal(SIGXFSZ, SIG_DFL);
    ftruncate(open("g", O_WRONLY | O_CREAT, 0644), 2000000);
    say("not reached\n");
}

int main(void) {
    struct rlimit limit = {1000000, RLIM_INFINITY}, none = {0, 0};
    char block[80] = {0};
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGXFSZ, handler);
    must(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    int fd = open("f", O_WRONLY | O_CREAT, 0644);
    must(lseek(fd, 999900, SEEK_SET) == 999900);
    say("80: %d\n", (int)write(fd, block, 80));
    say("80 more: %d, runs %d\n", (int)write(fd, block, 80), runs);
    say("80 more: %s, ", result(write(fd, block, 80)));
    say("runs %d\n", runs);
    say("ftruncate: %s, ", result(ftruncate(fd, 1000001)));
    say("runs %d\n", runs);
    say("to the limit itself: %s\n", result(ftruncate(fd, 1000000)));
    say_status("default", in_child(killed));
    return 0;
}
