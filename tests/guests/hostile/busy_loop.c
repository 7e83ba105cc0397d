// Loops for ever without a system call. Must be killed by a signal or a time limit.
// Threat: one guest takes a processor for good.
int main(void) {
    for (volatile unsigned x = 0;; x++) {}
}
