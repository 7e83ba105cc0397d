// Opening a FIFO waits until both a reader and a writer are there.
// Spec: fifo(7)
#include "../guest.h"

int main(void) {
    int status;
    char text[16];
    say("mkfifo: %s\n", result(mkfifo("fifo", 0644)));
    say("again: %s\n", result(mkfifo("fifo", 0644)));
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        int out = open("fifo", O_WRONLY);
        must(out >= 0 && write(out, "hello", 5) == 5);
        _exit(0);
    }
    int in = open("fifo", O_RDONLY);
    must(in >= 0);
    int total = 0;
    for (ssize_t n; (n = read(in, text + total, sizeof text - total)) > 0;) total += n;
    say("read %.*s\n", total, text);
    must(waitpid(pid, &status, 0) == pid);
    say_status("writer", status);
    struct stat about;
    must(stat("fifo", &about) == 0);
    say("fifo: %d, size %d\n", S_ISFIFO(about.st_mode), (int)about.st_size);
    return 0;
}
