// Duplicates and children share one position; a second open has its own.
// Spec: open(2), "Open file descriptions"; fork(2)
#include "../guest.h"

static int fd;

static void body(void) {
    char text[8];
    must(read(fd, text, 3) == 3);
    say("child read %.3s\n", text);
    lseek(fd, 10, SEEK_SET);
}

int main(void) {
    char text[8];
    put("file", "abcdefghijklmnopqrstuvwxyz");
    fd = open("file", O_RDWR);
    int copy = dup(fd), other = open("file", O_RDONLY);
    must(read(fd, text, 2) == 2);
    say("copy at %d, other at %d\n", (int)lseek(copy, 0, SEEK_CUR), (int)lseek(other, 0, SEEK_CUR));
    in_child(body);
    say("after the child: %d\n", (int)lseek(copy, 0, SEEK_CUR));
    must(write(copy, "KLM", 3) == 3);
    say("after a write to the copy: %d\n", (int)lseek(fd, 0, SEEK_CUR));
    close(fd);
    must(read(copy, text, 1) == 1);
    say("the copy goes on: %c\n", text[0]);
    must(pread(other, text, 3, 10) == 3);
    say("other sees %.3s at %d\n", text, (int)lseek(other, 0, SEEK_CUR));
    return 0;
}
