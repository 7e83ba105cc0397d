// What the guest programs share: unbuffered output, and names for errnos, signals and wait statuses.
// (glibc and musl word strerror differently; the names are the same everywhere.)
#ifndef GUEST_H
#define GUEST_H
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <grp.h>
#include <unistd.h>

// The running program itself, for tests that execute a second stage.
#define SELF "/proc/self/exe"

// Prints at once, so that output keeps its order across fork, exec and signals.
__attribute__((unused, format(printf, 1, 2))) static void say(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vdprintf(1, format, args);
    va_end(args);
}

__attribute__((unused)) static const char *errname(int number) {
    static const struct { int number; const char *name; } names[] = {
#define E(name) {name, #name},
        E(E2BIG) E(EACCES) E(EADDRINUSE) E(EADDRNOTAVAIL) E(EAFNOSUPPORT) E(EAGAIN) E(EALREADY) E(EBADF) E(EBUSY)
        E(ECHILD) E(ECONNABORTED) E(ECONNREFUSED) E(ECONNRESET) E(EDESTADDRREQ) E(EDOM) E(EEXIST) E(EFAULT) E(EFBIG)
        E(EINPROGRESS) E(EINTR) E(EINVAL) E(EIO) E(EISCONN) E(EISDIR) E(ELOOP) E(EMFILE) E(EMLINK) E(EMSGSIZE)
        E(ENAMETOOLONG) E(ENFILE) E(ENODATA) E(ENODEV) E(ENOENT) E(ENOEXEC) E(ENOMEM) E(ENOPROTOOPT) E(ENOSPC) E(ENOSYS)
        E(ENOTCONN) E(ENOTDIR) E(ENOTEMPTY) E(ENOTSOCK) E(ENOTTY) E(ENXIO) E(EOPNOTSUPP) E(EOVERFLOW) E(EPERM) E(EPIPE)
        E(EPROTONOSUPPORT) E(EPROTOTYPE) E(ERANGE) E(EROFS) E(ESPIPE) E(ESRCH) E(ETIMEDOUT) E(ETXTBSY) E(EXDEV)
#undef E
    };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == number) return names[i].name;
    return "E?";
}

// "ok" for a call that succeeded, the name of its errno for one that did not.
#define result(call) ((call) < 0 ? errname(errno) : "ok")

__attribute__((unused)) static const char *signame(int number) {
    static const struct { int number; const char *name; } names[] = {
#define S(name) {name, #name},
        S(SIGHUP) S(SIGINT) S(SIGQUIT) S(SIGILL) S(SIGTRAP) S(SIGABRT) S(SIGBUS) S(SIGFPE) S(SIGKILL) S(SIGUSR1) S(SIGSEGV)
        S(SIGUSR2) S(SIGPIPE) S(SIGALRM) S(SIGTERM) S(SIGCHLD) S(SIGCONT) S(SIGSTOP) S(SIGTSTP) S(SIGTTIN) S(SIGTTOU)
        S(SIGURG) S(SIGXCPU) S(SIGXFSZ) S(SIGVTALRM) S(SIGPROF) S(SIGWINCH) S(SIGIO) S(SIGPWR) S(SIGSYS)
#undef S
    };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == number) return names[i].name;
    return "SIG?";
}

__attribute__((unused)) static void say_status(const char *who, int status) {
    if (WIFEXITED(status)) say("%s: exited %d\n", who, WEXITSTATUS(status));
    else if (WIFSIGNALED(status)) say("%s: killed by %s\n", who, signame(WTERMSIG(status)));
    else if (WIFSTOPPED(status)) say("%s: stopped by %s\n", who, signame(WSTOPSIG(status)));
    else if (WIFCONTINUED(status)) say("%s: continued\n", who);
    else say("%s: status %#x\n", who, status);
}

// Ends the program with status 99 when something a test stands on, but does not test, fails.
#define must(condition) ((condition) ? (void)0 : give_up(__LINE__, #condition))

__attribute__((unused, noreturn)) static void give_up(int line, const char *condition) {
    say("line %d: %s: %s\n", line, condition, errname(errno));
    _exit(99);
}

// Closes what the test's own starter left open, for tests that look at descriptor numbers.
__attribute__((unused)) static void close_inherited(void) {
    for (int fd = 3; fd < 256; fd++) close(fd);
}

// Runs `body` in a child and returns its wait status.
__attribute__((unused)) static int in_child(void (*body)(void)) {
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        body();
        _exit(0);
    }
    int status;
    must(waitpid(pid, &status, 0) == pid);
    return status;
}

// Becomes an ordinary user, for good. The caller has to be root.
__attribute__((unused)) static void become(int id) {
    must(setgroups(0, NULL) == 0);
    must(setresgid(id, id, id) == 0);
    must(setresuid(id, id, id) == 0);
}

// Makes a file with the given text.
__attribute__((unused)) static void put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    must(fd >= 0);
    must(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    must(close(fd) == 0);
}

// Prints a file's text in brackets, or why it cannot be read.
__attribute__((unused)) static void show(const char *path) {
    char text[256];
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        say("%s: %s\n", path, errname(errno));
        return;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    must(n >= 0);
    text[n] = 0;
    close(fd);
    say("%s: [%s]\n", path, text);
}
#endif
