// fcntl locks belong to a process and a range; another process is refused, and told who holds it.
// Spec: fcntl(2), "Advisory record locking"
#include "../guest.h"

static int fd;
static pid_t parent;

static int lock(int command, int type, int start, int length) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, command, &lock);
}

static void body(void) {
    struct flock probe = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
    must(fcntl(fd, F_GETLK, &probe) == 0);
    say("held: type %d start %d length %d by the parent %d\n", probe.l_type == F_WRLCK, (int)probe.l_start, (int)probe.l_len,
        probe.l_pid == parent);
    say("overlapping: %s\n", result(lock(F_SETLK, F_WRLCK, 15, 10)));
    say("beside it: %s\n", result(lock(F_SETLK, F_WRLCK, 20, 10)));
    say("read lock on a read lock: %s\n", result(lock(F_SETLK, F_RDLCK, 50, 5)));
    say("write lock on a read lock: %s\n", result(lock(F_SETLK, F_WRLCK, 50, 5)));
}

int main(void) {
    parent = getpid();
    put("file", "");
    fd = open("file", O_RDWR);
    say("lock 10-19: %s\n", result(lock(F_SETLK, F_WRLCK, 10, 10)));
    say("read lock 50-59: %s\n", result(lock(F_SETLK, F_RDLCK, 50, 10)));
    say("own lock does not conflict: %s\n", result(lock(F_SETLK, F_RDLCK, 10, 10)));
    must(lock(F_SETLK, F_WRLCK, 10, 10) == 0);
    in_child(body);
    struct flock probe = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 20, .l_len = 10};
    must(fcntl(fd, F_GETLK, &probe) == 0);
    say("the child's ended with it: %d\n", probe.l_type == F_UNLCK);
    must(lock(F_SETLK, F_UNLCK, 12, 2) == 0);
    int ro = open("file", O_RDONLY), keep = fd;
    fd = ro;
    say("write lock on a read-only descriptor: %s\n", result(lock(F_SETLK, F_WRLCK, 100, 1)));
    fd = keep;
    say("bad type: %s\n", result(lock(F_SETLK, 77, 100, 1)));
    return 0;
}
