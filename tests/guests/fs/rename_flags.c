// RENAME_NOREPLACE refuses an existing target; RENAME_EXCHANGE swaps two names of any kind.
// Spec: renameat2(2)
#include "../guest.h"

int main(void) {
    mkdir("d", 0755);
    put("a", "A"), put("b", "B"), put("d/x", "in the directory");
    say("NOREPLACE, existing: %s\n", result(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE)));
    say("NOREPLACE, new: %s\n", result(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE)));
    say("EXCHANGE: %s\n", result(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE)));
    show("b");
    show("c");
    say("EXCHANGE with a directory: %s\n", result(renameat2(AT_FDCWD, "b", AT_FDCWD, "d", RENAME_EXCHANGE)));
    show("b/x");
    show("d");
    say("EXCHANGE, missing: %s\n", result(renameat2(AT_FDCWD, "b", AT_FDCWD, "none", RENAME_EXCHANGE)));
    say("both: %s\n", result(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE | RENAME_NOREPLACE)));
    say("unknown: %s\n", result(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", 0x100)));
    return 0;
}
