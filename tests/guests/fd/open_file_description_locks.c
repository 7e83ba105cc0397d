// F_OFD_SETLK locks belong to the open description and are not given up by closing another.
// Spec: fcntl(2), "Open file description locks"
#include "../guest.h"

int main(void) {
    put("file", "");
    int one = open("file", O_RDWR), two = open("file", O_RDWR);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
    say("first: %s\n", result(fcntl(one, F_OFD_SETLK, &lock)));
    say("another open of the same process: %s\n", result(fcntl(two, F_OFD_SETLK, &lock)));
    close(open("file", O_RDONLY));
    say("still held: %s\n", result(fcntl(two, F_OFD_SETLK, &lock)));
    struct flock probe = lock;
    must(fcntl(two, F_OFD_GETLK, &probe) == 0);
    say("holder is told as -1: %d\n", probe.l_pid);
    int copy = dup(one);
    close(one);
    say("held by the duplicate: %s\n", result(fcntl(two, F_OFD_SETLK, &lock)));
    close(copy);
    say("free: %s\n", result(fcntl(two, F_OFD_SETLK, &lock)));
    return 0;
}
