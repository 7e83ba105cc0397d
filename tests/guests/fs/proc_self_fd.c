// /proc/self/fd lists the open descriptors as links, and opening one opens the file anew.
// Spec: proc(5), /proc/pid/fd
#include "../guest.h"
#include <dirent.h>

int main(void) {
    close_inherited();
    char text[512];
    int ends[2];
    put("file", "hello");
    int fd = open("file", O_RDWR);
    must(pipe(ends) == 0);
    ssize_t n = readlink("/proc/self/fd/3", text, sizeof text - 1);
    must(n > 0);
    text[n] = 0;
    say("file: %s\n", strrchr(text, '/'));
    n = readlink("/proc/self/fd/4", text, sizeof text);
    say("pipe: %.6s\n", text);
    lseek(fd, 5, SEEK_SET);
    int anew = open("/proc/self/fd/3", O_RDONLY);
    must(anew >= 0 && (n = read(anew, text, 16)) >= 0);
    say("a new position: %d\n", (int)n);
    must(write(ends[1], "x", 1) == 1);
    int reader = open("/proc/self/fd/4", O_RDONLY);
    must(reader >= 0);
    say("through the pipe: %d\n", (int)read(reader, text, 1));
    DIR *directory = opendir("/proc/self/fd");
    unsigned seen = 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.') seen |= 1u << atoi(entry->d_name);
    say("listed: %#x\n", seen);
    say("closed one: %s\n", result(open("/proc/self/fd/30", O_RDONLY)));
    say("/dev/fd leads there: %s, ", result(open("/dev/fd/3", O_RDONLY)));
    say("/dev/stdout: %s\n", result(access("/dev/stdout", F_OK)));
    return 0;
}
