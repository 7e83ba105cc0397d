// Two processes send each other signals as fast as they can, for ever.
// Threat: a kernel that does nothing but deliver. Must be stopped with the VM.
#include <signal.h>
#include <unistd.h>

static void handler(int signal) {}

int main(void) {
    signal(SIGUSR1, handler);
    pid_t other = getpid(), pid = fork();
    if (pid > 0) other = pid;
    for (;;) kill(other, SIGUSR1);
}
