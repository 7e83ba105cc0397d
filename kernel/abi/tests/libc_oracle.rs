//! Compares the numbers of this crate with the `libc` crate's and glibc's own, where the machine is what they describe.
//!
//! A name missing here is one the `libc` crate does not have; layouts are compared where the kernel's equals glibc's.

#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

use cenote_abi::{
    clock, errno, fs, limits, mman, poll, random, signal, socket, syscall_table, tty, user, wait,
};

/// Asserts that constants, sets' bits or enums' numbers equal those of the same name in `libc`.
macro_rules! agree {
    (set $module:ident::$set:ident: $($name:ident),*) => {
        $(agree!(@ $module::$set::$name.bits(), $name);)*
    };
    (choice $module:ident::$choice:ident: $($name:ident),*) => {
        $(agree!(@ $module::$choice::$name.raw(), $name);)*
    };
    ($module:ident: $($name:ident),*) => {
        $(agree!(@ $module::$name, $name);)*
    };
    (@ $ours:expr, $name:ident) => {
        // Only the low 32 bits matter: libc gives some unsigned numbers as `c_int`, and some `c_int`s as `c_ulong`.
        assert_eq!(
            ($ours as i128) & 0xffff_ffff,
            (libc::$name as i128) & 0xffff_ffff,
            stringify!($name)
        );
    };
}

#[test]
fn clock_numbers_are_the_c_librarys() {
    agree!(clock: 
        UTIME_NOW, UTIME_OMIT);
    agree!(set clock::TimerFlags:
        TIMER_ABSTIME);
    agree!(choice clock::ItimerKind:
        ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF);
}

#[test]
fn fs_numbers_are_the_c_librarys() {
    agree!(fs: 
        F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_SETOWN,
        F_GETOWN, F_OFD_GETLK, F_OFD_SETLK,
        F_OFD_SETLKW, F_SETLEASE, F_GETLEASE, F_NOTIFY, F_DUPFD_CLOEXEC, F_SETPIPE_SZ,
        F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS, LOCK_SH, LOCK_EX, LOCK_NB, LOCK_UN,
        POSIX_FADV_NORMAL, POSIX_FADV_RANDOM, POSIX_FADV_SEQUENTIAL, POSIX_FADV_WILLNEED,
        POSIX_FADV_DONTNEED, POSIX_FADV_NOREUSE, XATTR_CREATE, XATTR_REPLACE, S_IFMT,
        S_IFSOCK, S_IFLNK, S_IFREG, S_IFBLK, S_IFDIR, S_IFCHR, S_IFIFO, DT_UNKNOWN, DT_FIFO,
        DT_CHR, DT_DIR, DT_BLK, DT_REG, DT_LNK, DT_SOCK, ST_RDONLY, ST_NOSUID, ST_NODEV,
        ST_NOEXEC, ST_SYNCHRONOUS, ST_NOATIME, TMPFS_MAGIC, PROC_SUPER_MAGIC,
        DEVPTS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, SYSFS_MAGIC,
        FUSE_SUPER_MAGIC, PATH_MAX, NAME_MAX, PIPE_BUF, AT_FDCWD);
    agree!(set fs::ResolveFlags:
        RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH,
        RESOLVE_IN_ROOT, RESOLVE_CACHED);
    agree!(choice fs::LockType:
        F_RDLCK, F_WRLCK, F_UNLCK);
}

#[test]
fn limits_numbers_are_the_c_librarys() {
    agree!(limits: 
        RLIM_INFINITY);
    agree!(choice limits::Resource:
        RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS,
        RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_LOCKS,
        RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_RTTIME);
}

#[test]
fn mman_numbers_are_the_c_librarys() {
    agree!(mman: 
        MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE,
        MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_MERGEABLE, MADV_UNMERGEABLE,
        MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK,
        MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ, MADV_POPULATE_WRITE);
    agree!(set mman::MemfdFlags:
        MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB, MFD_NOEXEC_SEAL, MFD_EXEC);
}

#[test]
fn poll_numbers_are_the_c_librarys() {
    agree!(poll: 
        FD_SETSIZE);
    agree!(set poll::InotifyMask:
        IN_ACCESS, IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_CLOSE_NOWRITE, IN_OPEN,
        IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE, IN_DELETE_SELF, IN_MOVE_SELF,
        IN_UNMOUNT, IN_Q_OVERFLOW, IN_IGNORED, IN_ONLYDIR, IN_DONT_FOLLOW, IN_EXCL_UNLINK,
        IN_MASK_CREATE, IN_MASK_ADD, IN_ISDIR, IN_ONESHOT, IN_ALL_EVENTS);
    agree!(choice poll::EpollOp:
        EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD);
}

#[test]
fn random_numbers_are_the_c_librarys() {
    agree!(set random::RandomFlags:
        GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE);
}

#[test]
fn signal_numbers_are_the_c_librarys() {
    agree!(signal: 
        SIG_DFL, SIG_IGN, SI_USER, SI_KERNEL, SI_QUEUE, SI_TIMER, SI_MESGQ, SI_ASYNCIO,
        SI_SIGIO, SI_TKILL, SI_DETHREAD, CLD_EXITED, CLD_KILLED, CLD_DUMPED, CLD_TRAPPED,
        CLD_STOPPED, CLD_CONTINUED, BUS_ADRALN, BUS_ADRERR, TRAP_BRKPT, SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD,
        SIGEV_THREAD_ID, SS_ONSTACK, SS_DISABLE, MINSIGSTKSZ, SIGSTKSZ);
    agree!(set signal::SaFlags:
        SA_NOCLDSTOP, SA_NOCLDWAIT, SA_SIGINFO, SA_ONSTACK, SA_RESTART,
        SA_NODEFER, SA_RESETHAND);
    agree!(choice signal::SigMaskHow:
        SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK);
    agree!(choice signal::SigNum:
        SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1,
        SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT, SIGSTOP,
        SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH,
        SIGIO, SIGPWR, SIGSYS);
}

#[test]
fn socket_numbers_are_the_c_librarys() {
    agree!(socket: 
        IPPROTO_IP, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_IPV6, IPPROTO_ICMPV6,
        SOL_SOCKET, SOL_IP, SOL_TCP, SOL_UDP, SOL_IPV6, SO_DEBUG, SO_REUSEADDR, SO_TYPE,
        SO_ERROR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE,
        SO_OOBINLINE, SO_NO_CHECK, SO_PRIORITY, SO_LINGER, SO_REUSEPORT, SO_PASSCRED,
        SO_PEERCRED, SO_RCVLOWAT, SO_SNDLOWAT, SO_RCVTIMEO, SO_SNDTIMEO, SO_BINDTODEVICE,
        SO_PEERNAME, SO_TIMESTAMP, SO_ACCEPTCONN, SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_MARK,
        SO_PROTOCOL, SO_DOMAIN, SO_RXQ_OVFL, SO_PEEK_OFF, SO_BUSY_POLL, SO_INCOMING_CPU,
        SO_PEERGROUPS, SCM_RIGHTS, SCM_CREDENTIALS, TCP_NODELAY, TCP_MAXSEG, TCP_CORK,
        TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_LINGER2, TCP_DEFER_ACCEPT,
        TCP_WINDOW_CLAMP, TCP_INFO, TCP_QUICKACK, TCP_CONGESTION, TCP_USER_TIMEOUT,
        TCP_FASTOPEN, IP_TOS, IP_TTL, IP_PKTINFO, IP_RECVERR, IP_MULTICAST_IF,
        IP_MULTICAST_TTL, IP_MULTICAST_LOOP, IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP,
        IP_BIND_ADDRESS_NO_PORT, IPV6_UNICAST_HOPS, IPV6_MULTICAST_IF, IPV6_MULTICAST_HOPS,
        IPV6_MULTICAST_LOOP, IPV6_V6ONLY, IPV6_RECVERR, IPV6_RECVPKTINFO);
    agree!(set socket::MessageFlags:
        MSG_OOB, MSG_PEEK, MSG_DONTROUTE, MSG_CTRUNC, MSG_TRUNC, MSG_DONTWAIT, MSG_EOR,
        MSG_WAITALL, MSG_CONFIRM, MSG_ERRQUEUE, MSG_NOSIGNAL, MSG_MORE, MSG_WAITFORONE,
        MSG_FASTOPEN, MSG_CMSG_CLOEXEC);
    agree!(choice socket::ShutdownHow:
        SHUT_RD, SHUT_WR, SHUT_RDWR);
}

#[test]
fn tty_numbers_are_the_c_librarys() {
    agree!(tty: 
        VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSWTC, VSTART, VSTOP, VSUSP, VEOL,
        VREPRINT, VDISCARD, VWERASE, VLNEXT, VEOL2, B0, B50, B75, B110, B134, B150, B200,
        B300, B600, B1200, B1800, B2400, B4800, B9600, B19200, B38400, B57600, B115200,
        B230400, TCGETS, TCSETS, TCSETSW, TCSETSF, TCGETA, TCSETA, TCSETAW, TCSETAF, TCSBRK,
        TCXONC, TCFLSH, TIOCEXCL, TIOCNXCL, TIOCSCTTY, TIOCGPGRP, TIOCSPGRP, TIOCOUTQ,
        TIOCSTI, TIOCGWINSZ, TIOCSWINSZ, TIOCMGET, FIONREAD, TIOCINQ, TIOCLINUX, TIOCCONS,
        TIOCPKT, FIONBIO, TIOCNOTTY, TIOCSETD, TIOCGETD, TCSBRKP, TIOCSBRK, TIOCCBRK,
        TIOCGSID, FIONCLEX, FIOCLEX, FIOASYNC, TIOCGPTN, TIOCSPTLCK, TIOCGPTLCK,
        TIOCGPTPEER, TCGETS2, TCSETS2, TCSETSW2, TCSETSF2, FIOQSIZE, FS_IOC_GETFLAGS,
        FS_IOC_SETFLAGS, FICLONE, FICLONERANGE, SIOCGIFCONF, SIOCGIFADDR,
        TCIFLUSH, TCOFLUSH, TCIOFLUSH, TCOOFF, TCOON, TCIOFF, TCION, TCSANOW, TCSADRAIN,
        TCSAFLUSH);
    agree!(set tty::LocalFlags:
        ISIG, ICANON, XCASE, ECHO, ECHOE, ECHOK, ECHONL, NOFLSH, TOSTOP, ECHOCTL, ECHOPRT,
        ECHOKE, FLUSHO, PENDIN, IEXTEN, EXTPROC);
}

#[test]
fn user_numbers_are_the_c_librarys() {
    agree!(user: 
        SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, SCHED_DEADLINE,
        PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE,
        PR_GET_KEEPCAPS, PR_SET_KEEPCAPS, PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP,
        PR_SET_SECCOMP, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_GET_SECUREBITS,
        PR_SET_SECUREBITS, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK, PR_SET_MM,
        PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS,
        PR_GET_NO_NEW_PRIVS, PR_GET_TID_ADDRESS, PR_SET_THP_DISABLE, PR_GET_THP_DISABLE,
        PR_CAP_AMBIENT, PR_SET_VMA, CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND,
        CLONE_PIDFD, CLONE_PTRACE, CLONE_VFORK, CLONE_PARENT, CLONE_THREAD, CLONE_NEWNS,
        CLONE_SYSVSEM, CLONE_SETTLS, CLONE_PARENT_SETTID, CLONE_CHILD_CLEARTID,
        CLONE_DETACHED, CLONE_UNTRACED, CLONE_CHILD_SETTID, CLONE_NEWCGROUP, CLONE_NEWUTS,
        CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_IO, FUTEX_WAIT,
        FUTEX_WAKE, FUTEX_FD, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP,
        FUTEX_LOCK_PI, FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI, FUTEX_WAIT_BITSET,
        FUTEX_WAKE_BITSET, FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME, HOST_NAME_MAX, LINUX_REBOOT_MAGIC1);
    agree!(choice user::UsageTarget:
        RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD);
}

#[test]
fn wait_numbers_are_the_c_librarys() {
    agree!(set wait::WaitOptions:
        WNOHANG, WUNTRACED, WSTOPPED, WEXITED, WCONTINUED, WNOWAIT, __WNOTHREAD, __WALL,
        __WCLONE);
    agree!(choice wait::WaitIdType:
        P_ALL, P_PID, P_PGID, P_PIDFD);
}

#[test]
fn errno_numbers_are_the_c_librarys() {
    agree!(choice errno::Errno:
        EPERM, ENOENT, ESRCH, EINTR, EIO, ENXIO, E2BIG, ENOEXEC, EBADF, ECHILD, EAGAIN,
        ENOMEM, EACCES, EFAULT, ENOTBLK, EBUSY, EEXIST, EXDEV, ENODEV, ENOTDIR, EISDIR,
        EINVAL, ENFILE, EMFILE, ENOTTY, ETXTBSY, EFBIG, ENOSPC, ESPIPE, EROFS, EMLINK,
        EPIPE, EDOM, ERANGE, EDEADLK, ENAMETOOLONG, ENOLCK, ENOSYS, ENOTEMPTY, ELOOP,
        ENOMSG, EIDRM, ECHRNG, EL2NSYNC, EL3HLT, EL3RST, ELNRNG, EUNATCH, ENOCSI, EL2HLT,
        EBADE, EBADR, EXFULL, ENOANO, EBADRQC, EBADSLT, EBFONT, ENOSTR, ENODATA, ETIME,
        ENOSR, ENONET, ENOPKG, EREMOTE, ENOLINK, EADV, ESRMNT, ECOMM, EPROTO, EMULTIHOP,
        EDOTDOT, EBADMSG, EOVERFLOW, ENOTUNIQ, EBADFD, EREMCHG, ELIBACC, ELIBBAD, ELIBSCN,
        ELIBMAX, ELIBEXEC, EILSEQ, ERESTART, ESTRPIPE, EUSERS, ENOTSOCK, EDESTADDRREQ,
        EMSGSIZE, EPROTOTYPE, ENOPROTOOPT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EOPNOTSUPP,
        EPFNOSUPPORT, EAFNOSUPPORT, EADDRINUSE, EADDRNOTAVAIL, ENETDOWN, ENETUNREACH,
        ENETRESET, ECONNABORTED, ECONNRESET, ENOBUFS, EISCONN, ENOTCONN, ESHUTDOWN,
        ETOOMANYREFS, ETIMEDOUT, ECONNREFUSED, EHOSTDOWN, EHOSTUNREACH, EALREADY,
        EINPROGRESS, ESTALE, EUCLEAN, ENOTNAM, ENAVAIL, EISNAM, EREMOTEIO, EDQUOT,
        ENOMEDIUM, EMEDIUMTYPE, ECANCELED, ENOKEY, EKEYEXPIRED, EKEYREVOKED, EKEYREJECTED,
        EOWNERDEAD, ENOTRECOVERABLE, ERFKILL, EHWPOISON);
}

#[test]
fn errno_texts_are_glibcs() {
    for &errno in errno::Errno::ALL {
        let text = std::io::Error::from_raw_os_error(errno.raw()).to_string();
        assert_eq!(text, format!("{} (os error {})", errno.text(), errno.raw()));
    }
}

#[test]
fn device_numbers_pack_as_makedev_does() {
    for (major, minor) in [
        (1, 3),
        (5, 0),
        (136, 7),
        (0xfff, 0xff),
        (0x1000, 0x100),
        (u32::MAX, u32::MAX),
    ] {
        let packed = fs::DeviceId::new(major, minor).encode();
        assert_eq!(packed, libc::makedev(major, minor));
        assert_eq!(
            fs::DeviceId::decode(packed),
            fs::DeviceId::new(libc::major(packed), libc::minor(packed))
        );
    }
}

#[test]
fn wait_words_read_as_the_c_macros_read_them() {
    let exited = wait::WaitStatus::Exited(3).encode();
    assert!(libc::WIFEXITED(exited) && libc::WEXITSTATUS(exited) == 3);
    let dumped = wait::WaitStatus::Signaled {
        signal: signal::SigNum::SIGSEGV,
        core: true,
    }
    .encode();
    assert!(
        libc::WIFSIGNALED(dumped)
            && libc::WTERMSIG(dumped) == libc::SIGSEGV
            && libc::WCOREDUMP(dumped)
    );
    let stopped = wait::WaitStatus::Stopped(signal::SigNum::SIGTSTP).encode();
    assert!(libc::WIFSTOPPED(stopped) && libc::WSTOPSIG(stopped) == libc::SIGTSTP);
    assert!(libc::WIFCONTINUED(wait::WaitStatus::Continued.encode()));
}

#[test]
fn calls_have_linuxs_numbers() {
    for (number, name) in [
        (libc::SYS_read, "read"),
        (libc::SYS_rt_sigaction, "rt_sigaction"),
        (libc::SYS_pipe2, "pipe2"),
        (libc::SYS_execve, "execve"),
        (libc::SYS_openat2, "openat2"),
        (libc::SYS_statx, "statx"),
        (libc::SYS_futex_waitv, "futex_waitv"),
        (libc::SYS_fchmodat2, "fchmodat2"),
        (libc::SYS_mseal, "mseal"),
    ] {
        let call = syscall_table::by_name(name).expect("the table has every call");
        assert_eq!(i64::from(call.number), number, "{name}");
    }
}
