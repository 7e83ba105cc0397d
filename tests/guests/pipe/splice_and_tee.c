// splice moves bytes between a file and a pipe, tee copies between pipes without consuming.
// Spec: splice(2), tee(2)
#include "../guest.h"

int main(void) {
    int one[2], two[2];
    char text[64];
    must(pipe(one) == 0 && pipe(two) == 0);
    put("file", "the quick brown fox");
    int file = open("file", O_RDWR);
    loff_t offset = 4;
    say("file to pipe: %d\n", (int)splice(file, &offset, one[1], NULL, 5, 0));
    say("offset %d, position %d\n", (int)offset, (int)lseek(file, 0, SEEK_CUR));
    say("tee: %d\n", (int)tee(one[0], two[1], 100, 0));
    ssize_t n = read(one[0], text, sizeof text);
    say("first: %.*s\n", (int)n, text);
    must(lseek(file, 0, SEEK_SET) == 0);
    say("pipe to file: %d\n", (int)splice(two[0], NULL, file, NULL, 100, 0));
    close(file);
    show("file");
    file = open("file", O_RDONLY);
    int other = open("file", O_WRONLY);
    say("no pipe: %s\n", result(splice(file, NULL, other, NULL, 5, 0)));
    return 0;
}
