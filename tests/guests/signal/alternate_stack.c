// sigaltstack is remembered and told back, and a handler with SA_ONSTACK runs.
// Spec: sigaltstack(2)
#include "../guest.h"

static char memory[65536];
static void handler(int signal) { say("handler ran\n"); }

int main(void) {
    stack_t none, stack = {.ss_sp = memory, .ss_size = sizeof memory}, back;
    must(sigaltstack(NULL, &none) == 0);
    say("at first disabled: %d\n", none.ss_flags == SS_DISABLE);
    say("set: %s\n", result(sigaltstack(&stack, NULL)));
    must(sigaltstack(NULL, &back) == 0);
    say("told back: %d %d\n", back.ss_sp == (void *)memory, back.ss_size == sizeof memory);
    stack.ss_size = 100;
    say("too small: %s\n", result(sigaltstack(&stack, NULL)));
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    must(sigaction(SIGUSR1, &action, NULL) == 0);
    raise(SIGUSR1);
    return 0;
}
