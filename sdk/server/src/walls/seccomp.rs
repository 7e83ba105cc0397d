//! The system-call filter: what the runtimes, the allocator and the async runtime use, and nothing else. What is not on the list fails with
//! `EPERM`; `clone3` with `ENOSYS`, upon which the C library uses `clone`, whose flags can be looked at.

use std::collections::BTreeMap;

use cenote_proto::v1::WallState;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Is, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

use super::Report;

type Calls = BTreeMap<i64, Vec<SeccompRule>>;
type Failure = Box<dyn std::error::Error>;

/// Calls that are allowed whatever their arguments are.
const ALWAYS: &[i64] = &[
    // memory
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mincore,
    libc::SYS_mlock,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_munlock,
    libc::SYS_membarrier,
    libc::SYS_memfd_create,
    libc::SYS_pkey_alloc,
    libc::SYS_pkey_free,
    libc::SYS_pkey_mprotect,
    // threads and waiting
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_set_robust_list,
    libc::SYS_gettid,
    libc::SYS_rseq,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_yield,
    libc::SYS_sigaltstack,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    // time and the process itself
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_getcpu,
    libc::SYS_sysinfo,
    libc::SYS_times,
    libc::SYS_umask,
    libc::SYS_uname,
    // descriptors it has; landlock says which files it may open
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fcntl,
    libc::SYS_flock,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_pipe2,
    libc::SYS_copy_file_range,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_newfstatat,
    libc::SYS_fstat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    // the connections it has and is given; it can make none, nor send to an address (`sendto`, below)
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
];

/// The older names of calls above, which only this architecture has.
#[cfg(target_arch = "x86_64")]
const OLDER: &[i64] = &[
    libc::SYS_access,
    libc::SYS_epoll_wait,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[i64] = &[];

/// `PAGEMAP_SCAN`, by which the wasm runtime asks which pages of its own memory are dirty.
const PAGEMAP_SCAN: u64 = 0xc060_6610;

/// `FIONBIO` and `FIONREAD`.
const IOCTLS: [u64; 3] = [PAGEMAP_SCAN, 0x5421, 0x541b];

/// Calls that a process which starts others and carries their connections has no use for: those that read or change another process, the
/// host, or what the host's kernel is made of. Without conditions, so that the host's kernel looks each number up instead of running the filter.
const NOT_FOR_SUPERVISORS: &[i64] = &[
    // other processes
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    // the tree of files, and files without their names
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    libc::SYS_acct,
    libc::SYS_mknodat,
    // the host
    libc::SYS_reboot,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_setns,
    // doors into the host's kernel that were often broken
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_personality,
];

/// Those of them that only this architecture has.
#[cfg(target_arch = "x86_64")]
const OLDER_NOT_FOR_SUPERVISORS: &[i64] = &[
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_kexec_file_load,
    libc::SYS_mknod,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER_NOT_FOR_SUPERVISORS: &[i64] = &[];

/// Refuses those calls to this thread and all that come after it, and to every process that they start.
pub(super) fn refuse_to_supervisors(report: &mut Report) {
    let refused = || -> Result<(), Failure> {
        let all = NOT_FOR_SUPERVISORS.iter().chain(OLDER_NOT_FOR_SUPERVISORS);
        let calls: Calls = all.map(|call| (*call, Vec::new())).collect();
        let refusal = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let arch: TargetArch = std::env::consts::ARCH.try_into()?;
        let filter = SeccompFilter::new(calls, SeccompAction::Allow, refusal, arch)?;
        let program: BpfProgram = filter.try_into()?;
        Ok(seccompiler::apply_filter(&program)?)
    };
    match refused() {
        Ok(()) => {
            let count = NOT_FOR_SUPERVISORS.len() + OLDER_NOT_FOR_SUPERVISORS.len();
            let detail = format!("all but {count} system calls, which no supervisor needs");
            report.add("seccomp", WallState::Applied, detail);
        }
        Err(error) => report.add("seccomp", WallState::Unavailable, error.to_string()),
    }
}

/// Applies the filter to this thread and all that come after it.
pub(super) fn apply(report: &mut Report) {
    let applied = filters().and_then(|programs| {
        for program in programs {
            seccompiler::apply_filter(&program)?;
        }
        Ok(())
    });
    match applied {
        Ok(()) => report.add(
            "seccomp",
            WallState::Applied,
            format!(
                "{} system calls, {} more by their arguments",
                ALWAYS.len() + OLDER.len(),
                8
            ),
        ),
        Err(error) => report.add("seccomp", WallState::Unavailable, error.to_string()),
    }
}

fn filters() -> Result<[BpfProgram; 2], Failure> {
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    let mut calls: Calls = ALWAYS
        .iter()
        .chain(OLDER)
        .map(|call| (*call, Vec::new()))
        .collect();
    by_arguments(&mut calls)?;
    let refusal = |errno: i32| SeccompAction::Errno(errno.unsigned_abs());
    calls.insert(libc::SYS_clone3, Vec::new());
    let list = SeccompFilter::new(calls, refusal(libc::EPERM), SeccompAction::Allow, arch)?;
    // Of two filters the stricter answer counts.
    let clone3 = [(libc::SYS_clone3, Vec::new())].into_iter().collect();
    let no_clone3 = SeccompFilter::new(clone3, SeccompAction::Allow, refusal(libc::ENOSYS), arch)?;
    Ok([no_clone3.try_into()?, list.try_into()?])
}

fn rule(argument: u8, width: Width, op: Is, value: u64) -> Result<SeccompRule, Failure> {
    let condition = SeccompCondition::new(argument, width, op, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}

/// Calls that are allowed with these arguments alone.
fn by_arguments(calls: &mut Calls) -> Result<(), Failure> {
    // Threads of this process, never a new process.
    let thread = u64::try_from(libc::CLONE_THREAD)?;
    calls.insert(
        libc::SYS_clone,
        vec![rule(0, Width::Qword, Is::MaskedEq(thread), thread)?],
    );
    let own = u64::from(std::process::id());
    calls.insert(libc::SYS_tgkill, vec![rule(0, Width::Dword, Is::Eq, own)?]);
    calls.insert(
        libc::SYS_ioctl,
        IOCTLS
            .iter()
            .map(|request| rule(1, Width::Dword, Is::Eq, *request))
            .collect::<Result<_, _>>()?,
    );
    let names = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA];
    let names = names
        .iter()
        .map(|option| rule(0, Width::Dword, Is::Eq, u64::from(option.unsigned_abs())));
    calls.insert(libc::SYS_prctl, names.collect::<Result<_, _>>()?);
    // Limits may be read, not set.
    calls.insert(libc::SYS_prlimit64, vec![rule(2, Width::Qword, Is::Eq, 0)?]);
    let family = |family: i32| rule(0, Width::Dword, Is::Eq, u64::from(family.unsigned_abs()));
    calls.insert(libc::SYS_socketpair, vec![family(libc::AF_UNIX)?]);
    // To whom the socket is connected, and to nobody else.
    calls.insert(libc::SYS_sendto, vec![rule(4, Width::Qword, Is::Eq, 0)?]);
    Ok(())
}
