// /proc/self leads to the process itself: its program, arguments and environment.
// Spec: proc(5)
#include "../guest.h"

int main(int argc, char **argv) {
    char text[512], number[16];
    if (argc == 1) {
        char *args[] = {"zero", "one", "", "three", NULL}, *env[] = {"A=1", "B=2", NULL};
        execve(SELF, args, env);
        return 1;
    }
    ssize_t n = readlink("/proc/self", text, sizeof text);
    sprintf(number, "%d", getpid());
    say("self is the own id: %d\n", n == (ssize_t)strlen(number) && memcmp(text, number, n) == 0);
    int fd = open("/proc/self/cmdline", O_RDONLY);
    must(fd >= 0 && (n = read(fd, text, sizeof text)) > 0);
    say("cmdline %d:", (int)n);
    for (int i = 0; i < n; i++) say("%c", text[i] ? text[i] : '|');
    fd = open("/proc/self/environ", O_RDONLY);
    must(fd >= 0 && (n = read(fd, text, sizeof text)) > 0);
    say("\nenviron %d:", (int)n);
    for (int i = 0; i < n; i++) say("%c", text[i] ? text[i] : '|');
    struct stat self, link;
    n = readlink("/proc/self/exe", text, sizeof text - 1);
    must(n > 0);
    text[n] = 0;
    must(stat(text, &self) == 0 && stat("/proc/self/exe", &link) == 0);
    say("\nexe is absolute %d, the same file %d\n", text[0] == '/', self.st_ino == link.st_ino);
    char cwd[512];
    must(getcwd(cwd, sizeof cwd) != NULL && (n = readlink("/proc/self/cwd", text, sizeof text)) > 0);
    say("cwd: %d\n", n == (ssize_t)strlen(cwd) && memcmp(cwd, text, n) == 0);
    return 0;
}
