// O_NOFOLLOW refuses a symbolic link as the last component only.
// Spec: open(2), O_NOFOLLOW
#include "../guest.h"

int main(void) {
    mkdir("d", 0755);
    put("d/f", "x");
    must(symlink("d", "dlink") == 0 && symlink("d/f", "flink") == 0);
    say("link: %s\n", result(open("flink", O_RDONLY | O_NOFOLLOW)));
    say("link on the way: %s\n", result(open("dlink/f", O_RDONLY | O_NOFOLLOW)));
    say("link to a directory: %s\n", result(open("dlink", O_RDONLY | O_NOFOLLOW)));
    say("with a slash behind: %s\n", result(open("dlink/", O_RDONLY | O_NOFOLLOW)));
    say("plain file: %s\n", result(open("d/f", O_RDONLY | O_NOFOLLOW)));
    return 0;
}
