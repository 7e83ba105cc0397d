// With O_APPEND every write goes to the end, whatever the position, and from any process.
// Spec: open(2), O_APPEND; pwrite(2) BUGS
#include "../guest.h"

static void body(void) {
    int fd = open("file", O_WRONLY | O_APPEND);
    for (int i = 0; i < 50; i++) must(write(fd, "c", 1) == 1);
}

int main(void) {
    struct stat about;
    put("file", "start ");
    int fd = open("file", O_RDWR | O_APPEND);
    say("position at first: %d\n", (int)lseek(fd, 0, SEEK_CUR));
    must(write(fd, "one ", 4) == 4);
    say("after a write: %d\n", (int)lseek(fd, 0, SEEK_CUR));
    lseek(fd, 0, SEEK_SET);
    must(write(fd, "two ", 4) == 4);
    say("pwrite at 0: %d\n", (int)pwrite(fd, "three ", 6, 0));
    must(fcntl(fd, F_SETFL, 0) == 0);
    must(pwrite(fd, "START", 5, 0) == 5);
    show("file");
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        body();
        _exit(0);
    }
    body();
    must(waitpid(pid, NULL, 0) == pid);
    must(stat("file", &about) == 0);
    say("size with two appenders: %d\n", (int)about.st_size);
    return 0;
}
