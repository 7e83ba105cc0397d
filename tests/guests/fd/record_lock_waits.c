// F_SETLKW waits for the holder; closing any descriptor of the file gives the locks up.
// Spec: fcntl(2), F_SETLKW
#include "../guest.h"

static struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

int main(void) {
    int ready[2], status;
    char byte;
    must(pipe(ready) == 0);
    put("file", "");
    int fd = open("file", O_RDWR);
    must(fcntl(fd, F_SETLK, &whole) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        int own = open("file", O_RDWR);
        say("at first: %s\n", result(fcntl(own, F_SETLK, &whole)));
        must(write(ready[1], "x", 1) == 1);
        int outcome = fcntl(own, F_SETLKW, &whole);
        struct stat about;
        fstat(own, &about);
        say("waited: %s, size %d\n", result(outcome), (int)about.st_size);
        _exit(0);
    }
    must(read(ready[0], &byte, 1) == 1);
    must(write(fd, "12345", 5) == 5);
    // Not the descriptor that was used for locking: any does.
    close(open("file", O_RDONLY));
    must(waitpid(pid, &status, 0) == pid);
    say_status("child", status);
    return 0;
}
