// Terminal calls on files and pipes fail with ENOTTY.
// Spec: isatty(3), tcgetattr(3), ioctl_tty(2)
#include "../guest.h"
#include <sys/ioctl.h>
#include <termios.h>

int main(void) {
    struct termios settings;
    struct winsize size;
    int ends[2];
    must(pipe(ends) == 0);
    put("f", "");
    int fd = open("f", O_RDWR);
    say("file: %d ", isatty(fd));
    say("%s\n", errname(errno));
    say("pipe: %d\n", isatty(ends[0]));
    say("/dev/null: %d\n", isatty(open("/dev/null", O_RDWR)));
    say("closed: %d ", isatty(77));
    say("%s\n", errname(errno));
    say("tcgetattr: %s\n", result(tcgetattr(fd, &settings)));
    say("TIOCGWINSZ: %s\n", result(ioctl(fd, TIOCGWINSZ, &size)));
    say("tcgetpgrp: %s\n", result(tcgetpgrp(fd)));
    return 0;
}
