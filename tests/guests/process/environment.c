// setenv, putenv and unsetenv change what later programs and children see.
// Spec: setenv(3), putenv(3), environ(7)
#include "../guest.h"

static const char *value(const char *name) {
    const char *found = getenv(name);
    return found ? found : "(none)";
}

int main(int argc, char **argv) {
    if (argc > 1) {
        say("exec: A=%s B=%s C=%s D=%s\n", value("A"), value("B"), value("C"), value("D"));
        return 0;
    }
    say("set: %d\n", setenv("A", "one", 1));
    setenv("A", "two", 0);
    say("no overwrite: %s\n", value("A"));
    setenv("A", "three", 1);
    say("overwrite: %s\n", value("A"));
    static char entry[] = "B=put";
    putenv(entry);
    entry[2] = 'P';
    say("putenv keeps the string itself: %s\n", value("B"));
    say("bad name: %s\n", result(setenv("x=y", "z", 1)));
    say("empty name: %s\n", result(setenv("", "z", 1)));
    setenv("C", "", 1);
    setenv("D", "gone", 1);
    unsetenv("D");
    say("empty is not unset: [%s] [%s]\n", value("C"), value("D"));
    execl(SELF, "again", "x", (char *)NULL);
    return 1;
}
