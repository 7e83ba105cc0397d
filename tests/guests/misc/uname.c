// uname names a Linux, and gethostname is its node name.
// Spec: uname(2), gethostname(2)
#include "../guest.h"
#include <sys/utsname.h>

int main(void) {
    struct utsname name;
    char host[65];
    must(uname(&name) == 0 && gethostname(host, sizeof host) == 0);
    say("system %s\n", name.sysname);
    say("node as hostname: %d, not empty %d\n", strcmp(name.nodename, host) == 0, host[0] != 0);
    int major = 0, minor = 0;
    say("release is a number: %d, ", sscanf(name.release, "%d.%d", &major, &minor) == 2);
    say("at least 4: %d\n", major >= 4);
    say("version not empty: %d, machine not empty: %d\n", name.version[0] != 0, name.machine[0] != 0);
    return 0;
}
