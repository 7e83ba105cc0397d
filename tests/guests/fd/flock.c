// flock belongs to the open description: duplicates and children share it, another open conflicts.
// Spec: flock(2)
#include "../guest.h"
#include <sys/file.h>

static int fd;

static void body(void) {
    int own = open("file", O_RDONLY);
    say("child: own open %s\n", result(flock(own, LOCK_EX | LOCK_NB)));
    say("child: inherited %s\n", result(flock(fd, LOCK_EX | LOCK_NB)));
    say("child: unlocks %s\n", result(flock(fd, LOCK_UN)));
    say("child: own open %s\n", result(flock(own, LOCK_EX | LOCK_NB)));
}

int main(void) {
    put("file", "");
    fd = open("file", O_RDONLY);
    int other = open("file", O_RDONLY);
    say("shared: %s\n", result(flock(fd, LOCK_SH)));
    say("shared twice: %s\n", result(flock(other, LOCK_SH | LOCK_NB)));
    say("upgrade: %s\n", result(flock(fd, LOCK_EX | LOCK_NB)));
    must(flock(other, LOCK_UN) == 0);
    say("upgrade now: %s\n", result(flock(fd, LOCK_EX | LOCK_NB)));
    in_child(body);
    say("free after the child: %s\n", result(flock(other, LOCK_EX | LOCK_NB)));
    close(other);
    say("closing unlocks: %s\n", result(flock(fd, LOCK_EX | LOCK_NB)));
    say("bad operation: %s\n", result(flock(fd, 77)));
    say("bad descriptor: %s\n", result(flock(77, LOCK_SH)));
    return 0;
}
