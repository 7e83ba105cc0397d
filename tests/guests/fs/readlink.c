// readlink cuts silently to the buffer and adds no zero.
// Spec: readlink(2)
#include "../guest.h"

int main(void) {
    char text[16];
    must(symlink("0123456789", "link") == 0);
    memset(text, '#', sizeof text);
    say("whole: %d", (int)readlink("link", text, sizeof text));
    say(" [%.16s]\n", text);
    memset(text, '#', sizeof text);
    say("cut: %d", (int)readlink("link", text, 4));
    say(" [%.16s]\n", text);
    say("a file: %s\n", (put("f", ""), result(readlink("f", text, 16))));
    say("a directory: %s\n", result(readlink(".", text, 16)));
    say("missing: %s\n", result(readlink("none", text, 16)));
    say("no room: %s\n", result(syscall(89 /* readlink */, "link", text, 0)));
    return 0;
}
