// A wild pointer, a trap and a division by zero end the process by a signal.
// Spec: signal(7), SIGSEGV, SIGILL, SIGFPE
#include "../guest.h"
#include <sys/resource.h>

// Null is an address like others in WebAssembly; the far end of memory is not.
static void wild(void) { *(volatile int *)(uintptr_t)0xfffffff0u = 1; }
static void trap(void) { __builtin_trap(); }
static volatile int hundred = 100, zero;
static void divide(void) { say("%d\n", hundred / zero); }

int main(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    say_status("wild pointer", in_child(wild));
    say_status("trap", in_child(trap));
    say_status("division by zero", in_child(divide));
    return 0;
}
