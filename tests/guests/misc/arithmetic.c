// Integer and floating-point edges compute as on the host.
// Spec: C11 6.3, IEEE 754
#include "../guest.h"
#include <math.h>
#include <stdint.h>

int main(void) {
    volatile double zero = 0, one = 1, third = 1.0 / 3;
    volatile int64_t big = INT64_MIN;
    volatile uint32_t shift = 33;
    say("%.17g %.3f %a\n", third, 2.0005, 0.1);
    say("inf %d nan %d\n", isinf(one / zero), isnan(zero / zero));
    say("%lld %llu\n", (long long)(big / 3), (unsigned long long)big >> 7);
    say("%u %d\n", (1u << (shift & 31)), (int)(int8_t)200);
    say("%.10f %.10f %.10f\n", sin(1.0), exp(1.5), pow(2.0, 0.5));
    say("%d %d\n", (int)-2.7, (int)lround(2.5));
    say("%g %g %g\n", strtod("1e308", NULL) * 10, strtod("0x1.8p3", NULL), strtod("12abc", NULL));
    say("%lld %llu\n", strtoll("-9223372036854775808", NULL, 10), strtoull("ffffffffffffffff", NULL, 16));
    char *end;
    errno = 0;
    long long clamped = strtoll("99999999999999999999", &end, 10);
    say("%lld %s\n", clamped, errname(errno));
    return 0;
}
