// getrandom fills what is asked with different bytes each time.
// Spec: getrandom(2)
#include "../guest.h"
#include <sys/random.h>

int main(void) {
    static unsigned char a[100000], b[100000];
    say("short: %d %d\n", (int)getrandom(a, 32, 0), (int)getrandom(b, 32, GRND_NONBLOCK));
    say("differ: %d\n", memcmp(a, b, 32) != 0);
    int total = 0;
    while (total < 100000) {
        ssize_t n = getrandom(a + total, 100000 - total, 0);
        must(n > 0);
        total += n;
    }
    int counts[256] = {0}, outside = 0;
    for (int i = 0; i < 100000; i++) counts[a[i]]++;
    for (int i = 0; i < 256; i++) outside += counts[i] < 250 || counts[i] > 550;
    say("spread: %d\n", outside == 0);
    say("unknown flag: %s\n", result(getrandom(a, 1, 0x100)));
    say("getentropy: %s ", result(getentropy(a, 256)));
    say("%s\n", result(getentropy(a, 257)));
    return 0;
}
