// Past RLIMIT_NOFILE every call that makes a descriptor fails with EMFILE, and works again after a close.
// Spec: getrlimit(2), RLIMIT_NOFILE
#include "../guest.h"
#include <sys/resource.h>
#include <sys/socket.h>

int main(void) {
    close_inherited();
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 12;
    must(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int last = -1, fd, ends[2] = {-1, -1};
    while ((fd = open("/dev/null", O_RDONLY)) >= 0) last = fd;
    say("last %d, then %s\n", last, errname(errno));
    say("dup: %s\n", result(dup(0)));
    say("F_DUPFD: %s\n", result(fcntl(0, F_DUPFD, 0)));
    say("F_DUPFD 12: %s\n", result(fcntl(0, F_DUPFD, 12)));
    say("dup2 to 12: %s\n", result(dup2(0, 12)));
    say("pipe: %s\n", result(pipe(ends)));
    say("socket: %s\n", result(socket(AF_UNIX, SOCK_STREAM, 0)));
    close(7);
    say("one free, pipe needs two: %s, ", result(pipe(ends)));
    say("left alone: %d %d\n", ends[0], ends[1]);
    say("open: %d\n", open("/dev/null", O_RDONLY));
    close(7), close(9);
    must(pipe(ends) == 0);
    say("pipe: %d %d\n", ends[0], ends[1]);
    return 0;
}
