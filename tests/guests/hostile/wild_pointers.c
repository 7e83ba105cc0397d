// Hands every kind of bad pointer and number to many system calls, and is alive afterwards.
// Threat: a host that trusts a guest's numbers.
#include "../guest.h"
#include <sys/syscall.h>

#define CALL(number)                                                                       \
    for (int i = 0; i < 8; i++)                                                            \
        for (int j = 0; j < 8; j++) {                                                      \
            syscall(number, bad[i], bad[j], bad[(i + j) & 7], bad[j], bad[i], bad[i ^ j]); \
            calls++;                                                                       \
        }

int main(void) {
    long bad[] = {0, -1, 0x7fffffff, (long)0x80000000, (long)0xfffffff0, 1, 4095, 0x00ffffff};
    int calls = 0, keep = dup(1);
    // 0 and 1 are among the numbers: nothing there may wait or be spoilt.
    int null = open("/dev/null", O_RDWR);
    must(keep >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1);
    signal(SIGPIPE, SIG_IGN);
    CALL(SYS_readv) CALL(SYS_writev) CALL(SYS_pread64) CALL(SYS_preadv) CALL(SYS_openat)
    CALL(SYS_getdents64) CALL(SYS_readlink) CALL(SYS_getcwd) CALL(SYS_statx) CALL(SYS_utimensat)
    CALL(SYS_epoll_ctl) CALL(SYS_sendmsg) CALL(SYS_recvmsg) CALL(SYS_bind) CALL(SYS_connect) CALL(SYS_getsockopt)
    CALL(SYS_setsockopt) CALL(SYS_mremap) CALL(SYS_madvise) CALL(SYS_rt_sigaction) CALL(SYS_rt_sigprocmask)
    CALL(SYS_getgroups) CALL(SYS_prlimit64) CALL(SYS_ioctl) CALL(SYS_fcntl) CALL(SYS_lseek) CALL(SYS_fallocate)
    CALL(SYS_copy_file_range) CALL(SYS_sendfile) CALL(SYS_splice) CALL(SYS_execve) CALL(SYS_symlink) CALL(SYS_rename)
    dprintf(keep, "calls: %d, alive\n", calls);
    return 0;
}
