//! Linux for WebAssembly: module `wali` (calls `SYS_<name>`, the published interface) and module `cenote` (start block,
//! fork, `posix_spawn`).
//!
//! The table below has one line a call: how it is bound, its arguments as they cross the wire, and the function that
//! decodes them, calls the kernel and encodes the result. Three ways of binding:
//! `wait` may block and is awaited; `quick` never blocks, and signals are delivered when it returns; `pure` is a plain
//! host call without delivery, for what programs ask often and never wait in a loop for.
//! Every other call of the ABI's table is present too and answers `ENOSYS`, so that any module links.

pub(crate) mod address_space;
pub(crate) mod call;
mod cred;
mod deliver_signal;
mod dirty_pages;
mod fd;
pub(crate) mod fork;
mod ioctl;
mod layout;
pub(crate) mod memory;
mod path;
mod poll;
mod process;
mod signal;
mod socket;
mod start;
mod system;
mod time;
mod wali_start;
mod xattr;

use cenote_abi::syscall_table::SYSCALLS;
use wasmtime::{Caller, FuncType, Linker, Val, ValType};

use crate::process::Process;
use call::{Answer, Call};

/// Calls that may lie under no `SYS_` name: a program made by our toolchain never imports them.
const UNNUMBERED: &[&str] = &["start_block", "fork", "posix_spawn"];

/// The calls that are `cenote.fork` by another name.
const FORKS: &[&str] = &["fork", "vfork"];

macro_rules! bind {
    (wait, $linker:ident, $name:ident, [$($arg:ident: $type:ty),*], $function:path) => {
        $linker.func_wrap_async("wali", concat!("SYS_", stringify!($name)),
            |caller: Caller<'_, Process>, ($($arg,)*): ($($type,)*)| Box::new(async move {
                let mut call = Call::new(caller);
                loop {
                    let result = $function(&mut call, $($arg),*).await.map(Answer::answer);
                    if let Some(value) = call.settle_now(&result) {
                        return Ok::<i64, wasmtime::Error>(value);
                    }
                    if let Some(value) = Box::pin(call.settle(result)).await? {
                        return Ok(value);
                    }
                }
            }))
    };
    (quick, $linker:ident, $name:ident, [$($arg:ident: $type:ty),*], $function:path) => {
        $linker.func_wrap_async("wali", concat!("SYS_", stringify!($name)),
            |caller: Caller<'_, Process>, ($($arg,)*): ($($type,)*)| Box::new(async move {
                let mut call = Call::new(caller);
                let is_late = call.is_late();
                loop {
                    let result = $function(&mut call, $($arg),*).map(Answer::answer);
                    if let Some(value) = call.settle_quick(&result, is_late) {
                        return Ok::<i64, wasmtime::Error>(value);
                    }
                    if let Some(value) = Box::pin(call.settle(result)).await? {
                        return Ok(value);
                    }
                }
            }))
    };
    (pure, $linker:ident, $name:ident, [$($arg:ident: $type:ty),*], $function:path) => {
        $linker.func_wrap("wali", concat!("SYS_", stringify!($name)),
            |caller: Caller<'_, Process>, $($arg: $type),*| -> i64 {
                let mut call = Call::new(caller);
                call::encode(&$function(&mut call, $($arg),*).map(Answer::answer))
            })
    };
}

macro_rules! linux_calls {
    ($($kind:ident $name:ident($($arg:ident: $type:ty),*) = $function:path;)*) => {
        /// The calls that are bound, by Linux's names.
        const BOUND: &[&str] = &[$(stringify!($name)),*];

        fn define_calls(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
            $(bind!($kind, linker, $name, [$($arg: $type),*], $function)?;)*
            Ok(())
        }
    };
}

linux_calls! {
    // Descriptors.
    wait read(fd: i32, buffer: u32, count: u32) = fd::read;
    wait write(fd: i32, buffer: u32, count: u32) = fd::write;
    wait pread64(fd: i32, buffer: u32, count: u32, offset: i64) = fd::pread64;
    wait pwrite64(fd: i32, buffer: u32, count: u32, offset: i64) = fd::pwrite64;
    wait readv(fd: i32, vector: u32, count: i32) = fd::readv;
    wait writev(fd: i32, vector: u32, count: i32) = fd::writev;
    wait preadv(fd: i32, vector: u32, count: i32, low: i64, high: i64) = fd::preadv;
    wait pwritev(fd: i32, vector: u32, count: i32, low: i64, high: i64) = fd::pwritev;
    wait preadv2(fd: i32, vector: u32, count: i32, low: i64, high: i64, flags: i32) = fd::preadv2;
    wait pwritev2(fd: i32, vector: u32, count: i32, low: i64, high: i64, flags: i32) = fd::pwritev2;
    quick close(fd: i32) = fd::close;
    quick close_range(first: i32, last: i32, flags: i32) = fd::close_range;
    quick dup(fd: i32) = fd::dup;
    quick dup2(old: i32, new: i32) = fd::dup2;
    quick dup3(old: i32, new: i32, flags: i32) = fd::dup3;
    quick pipe(fds: u32) = fd::pipe;
    quick pipe2(fds: u32, flags: i32) = fd::pipe2;
    wait fcntl(fd: i32, command: i32, argument: i64) = ioctl::fcntl;
    quick ioctl(fd: i32, request: i32, argument: u32) = ioctl::ioctl;
    quick lseek(fd: i32, offset: i64, whence: i32) = fd::lseek;
    quick ftruncate(fd: i32, len: i64) = fd::ftruncate;
    quick fallocate(fd: i32, mode: i32, offset: i64, len: i64) = fd::fallocate;
    quick memfd_create(name: u32, flags: i32) = fd::memfd_create;
    quick fsync(fd: i32) = fd::fsync;
    quick syncfs(fd: i32) = fd::syncfs;
    quick fdatasync(fd: i32) = fd::fdatasync;
    quick fadvise(fd: i32, offset: i64, len: i64, advice: i32) = fd::fadvise;
    quick readahead(fd: i32, offset: i64, count: u32) = fd::readahead;
    quick fstat(fd: i32, buffer: u32) = fd::fstat;
    quick fstatfs(fd: i32, buffer: u32) = fd::fstatfs;
    quick getdents(fd: i32, buffer: u32, room: i32) = fd::getdents;
    quick getdents64(fd: i32, buffer: u32, room: i32) = fd::getdents64;
    wait flock(fd: i32, operation: i32) = fd::flock;
    wait sendfile(out: i32, input: i32, offset: u32, count: u32) = fd::sendfile;
    wait splice(input: i32, from: u32, out: i32, to: u32, count: u32, flags: i32) = fd::splice;
    wait tee(input: i32, out: i32, count: u32, flags: i32) = fd::tee;
    wait copy_file_range(input: i32, from: u32, out: i32, to: u32, count: u32, flags: i32) = fd::copy_file_range;
    quick fchmod(fd: i32, mode: i32) = fd::fchmod;
    quick fchown(fd: i32, uid: i32, gid: i32) = fd::fchown;
    quick fchdir(fd: i32) = fd::fchdir;
    // Paths.
    wait open(path: u32, flags: i32, mode: i32) = path::open;
    wait creat(path: u32, mode: i32) = path::creat;
    wait openat(at: i32, path: u32, flags: i32, raw_mode: i32) = path::openat;
    wait openat2(at: i32, path: u32, how: u32, size: u32) = path::openat2;
    quick stat(path: u32, buffer: u32) = path::stat;
    quick lstat(path: u32, buffer: u32) = path::lstat;
    quick newfstatat(at: i32, path: u32, buffer: u32, flags: i32) = path::newfstatat;
    quick statx(at: i32, path: u32, flags: i32, mask: u32, buffer: u32) = path::statx;
    quick statfs(path: u32, buffer: u32) = path::statfs;
    quick access(path: u32, raw: i32) = path::access;
    quick faccessat(at: i32, path: u32, raw: i32, flags: i32) = path::faccessat;
    quick faccessat2(at: i32, path: u32, raw: i32, flags: i32) = path::faccessat2;
    quick mkdir(path: u32, mode: i32) = path::mkdir;
    quick mkdirat(at: i32, path: u32, raw_mode: i32) = path::mkdirat;
    quick mknod(path: u32, mode: i32, device: i32) = path::mknod;
    quick mknodat(at: i32, path: u32, raw_mode: i32, device: i32) = path::mknodat;
    quick rmdir(path: u32) = path::rmdir;
    quick unlink(path: u32) = path::unlink;
    quick unlinkat(at: i32, path: u32, flags: i32) = path::unlinkat;
    quick link(old: u32, new: u32) = path::link;
    quick linkat(old_at: i32, old: u32, new_at: i32, new: u32, flags: i32) = path::linkat;
    quick symlink(target: u32, path: u32) = path::symlink;
    quick symlinkat(target: u32, at: i32, path: u32) = path::symlinkat;
    quick rename(old: u32, new: u32) = path::rename;
    quick renameat(old_at: i32, old: u32, new_at: i32, new: u32) = path::renameat;
    quick renameat2(old_at: i32, old: u32, new_at: i32, new: u32, flags: i32) = path::renameat2;
    quick readlink(path: u32, buffer: u32, room: u32) = path::readlink;
    quick readlinkat(at: i32, path: u32, buffer: u32, room: u32) = path::readlinkat;
    quick chmod(path: u32, mode: i32) = path::chmod;
    quick fchmodat(at: i32, path: u32, mode: i32, flags: i32) = path::fchmodat;
    quick chown(path: u32, uid: i32, gid: i32) = path::chown;
    quick lchown(path: u32, uid: i32, gid: i32) = path::lchown;
    quick fchownat(at: i32, path: u32, uid: i32, gid: i32, flags: i32) = path::fchownat;
    quick utimensat(at: i32, path: u32, times: u32, flags: i32) = path::utimensat;
    quick futimesat(at: i32, path: u32, times: u32) = path::futimesat;
    quick utimes(path: u32, times: u32) = path::utimes;
    quick utime(path: u32, times: u32) = path::utime;
    quick truncate(path: u32, len: i64) = path::truncate;
    quick chdir(path: u32) = path::chdir;
    quick chroot(path: u32) = path::chroot;
    quick getcwd(buffer: u32, room: u32) = path::getcwd;
    // Processes.
    quick exit(code: i32) = process::exit_group;
    quick exit_group(code: i32) = process::exit_group;
    wait execve(path: u32, argv: u32, envp: u32) = process::execve;
    wait execveat(at: i32, path: u32, argv: u32, envp: u32, flags: i32) = process::execveat;
    wait wait4(pid: i32, status: u32, options: i32, usage: u32) = process::wait4;
    wait waitid(kind: i32, id: i32, info: u32, options: i32, usage: u32) = process::waitid;
    pure getpid() = process::getpid;
    pure gettid() = process::gettid;
    pure set_tid_address(address: u32) = process::set_tid_address;
    pure getppid() = process::getppid;
    pure getpgrp() = process::getpgrp;
    quick getpgid(pid: i32) = process::getpgid;
    quick setpgid(pid: i32, group: i32) = process::setpgid;
    quick getsid(pid: i32) = process::getsid;
    quick setsid() = process::setsid;
    pure umask(mask: i32) = process::umask;
    quick prctl(option: i32, value: i64, third: i64, fourth: i64, fifth: i64) = process::prctl;
    quick getpriority(which: i32, who: i32) = process::getpriority;
    quick setpriority(which: i32, who: i32, nice: i32) = process::setpriority;
    quick getrusage(who: i32, buffer: u32) = process::getrusage;
    quick times(buffer: u32) = process::times;
    // Signals.
    quick rt_sigaction(signal: i32, new: u32, old: u32, size: u32) = signal::rt_sigaction;
    quick rt_sigprocmask(how: i32, new: u32, old: u32, size: u32) = signal::rt_sigprocmask;
    quick rt_sigpending(set: u32, size: u32) = signal::rt_sigpending;
    wait rt_sigsuspend(mask: u32, size: u32) = signal::rt_sigsuspend;
    wait pause() = signal::pause;
    wait rt_sigtimedwait(set: u32, info: u32, timeout: u32, size: u32) = signal::rt_sigtimedwait;
    quick kill(pid: i32, signal: i32) = signal::kill;
    quick tkill(tid: i32, signal: i32) = signal::tkill;
    quick tgkill(pid: i32, tid: i32, signal: i32) = signal::tgkill;
    quick rt_sigqueueinfo(pid: i32, signal: i32, info: u32) = signal::rt_sigqueueinfo;
    pure sigaltstack(new: u32, old: u32) = signal::sigaltstack;
    // Memory.
    pure brk(wanted: u32) = memory::brk;
    wait mmap(address: u32, len: u32, prot: i32, flags: i32, fd: i32, offset: i64) = memory::mmap;
    quick munmap(address: u32, len: u32) = memory::munmap;
    quick mremap(address: u32, old: u32, new: u32, flags: i32, target: u32) = memory::mremap;
    pure mprotect(address: u32, len: u32, prot: i32) = memory::mprotect;
    pure madvise(address: u32, len: u32, advice: i32) = memory::madvise;
    quick msync(address: u32, len: u32, flags: i32) = memory::msync;
    pure mincore(address: u32, len: u32, vector: u32) = memory::mincore;
    pure mlock(address: u32, len: u32) = memory::mlock;
    pure munlock(address: u32, len: u32) = memory::mlock;
    pure mlock2(address: u32, len: u32, flags: i32) = memory::mlock2;
    pure mlockall(flags: i32) = memory::mlockall;
    pure munlockall() = memory::munlockall;
    wait futex(address: u32, operation: i32, value: i32, timeout: u32, second: u32, value3: i32) = memory::futex;
    // Waiting for many.
    wait poll(list: u32, count: i64, timeout: i32) = poll::poll;
    wait ppoll(list: u32, count: i64, timeout: u32, mask: u32, size: u32) = poll::ppoll;
    wait select(count: i32, read: u32, write: u32, except: u32, timeout: u32) = poll::select;
    wait pselect6(count: i32, read: u32, write: u32, except: u32, timeout: u32, mask: u32) = poll::pselect6;
    quick epoll_create(size: i32) = poll::epoll_create;
    quick epoll_create1(flags: i32) = poll::epoll_create1;
    quick epoll_ctl(epoll: i32, operation: i32, fd: i32, event: u32) = poll::epoll_ctl;
    wait epoll_wait(epoll: i32, list: u32, count: i32, timeout: i32) = poll::epoll_wait;
    wait epoll_pwait(epoll: i32, list: u32, count: i32, timeout: i32, mask: u32, size: u32) = poll::epoll_pwait;
    wait epoll_pwait2(epoll: i32, list: u32, count: i32, timeout: u32, mask: u32, size: u32) = poll::epoll_pwait2;
    quick eventfd(value: i32) = poll::eventfd;
    quick eventfd2(value: i32, flags: i32) = poll::eventfd2;
    quick timerfd_create(clock: i32, flags: i32) = poll::timerfd_create;
    quick timerfd_settime(fd: i32, flags: i32, new: u32, old: u32) = poll::timerfd_settime;
    quick timerfd_gettime(fd: i32, buffer: u32) = poll::timerfd_gettime;
    quick signalfd(fd: i32, mask: u32, size: u32) = poll::signalfd;
    quick signalfd4(fd: i32, mask: u32, size: u32, flags: i32) = poll::signalfd4;
    quick inotify_init() = poll::inotify_init;
    quick inotify_init1(flags: i32) = poll::inotify_init1;
    quick inotify_add_watch(fd: i32, path: u32, mask: i32) = poll::inotify_add_watch;
    quick inotify_rm_watch(fd: i32, watch: i32) = poll::inotify_rm_watch;
    // Sockets.
    quick socket(domain: i32, kind: i32, protocol: i32) = socket::socket;
    quick socketpair(domain: i32, kind: i32, protocol: i32, fds: u32) = socket::socketpair;
    quick bind(fd: i32, address: u32, len: u32) = socket::bind;
    quick listen(fd: i32, backlog: i32) = socket::listen;
    wait accept(fd: i32, address: u32, len: u32) = socket::accept;
    wait accept4(fd: i32, address: u32, len: u32, flags: i32) = socket::accept4;
    wait connect(fd: i32, address: u32, len: u32) = socket::connect;
    quick getsockname(fd: i32, address: u32, len: u32) = socket::getsockname;
    quick getpeername(fd: i32, address: u32, len: u32) = socket::getpeername;
    quick shutdown(fd: i32, how: i32) = socket::shutdown;
    wait sendto(fd: i32, buffer: u32, count: u32, flags: i32, address: u32, len: u32) = socket::sendto;
    wait recvfrom(fd: i32, buffer: u32, count: u32, flags: i32, address: u32, len: u32) = socket::recvfrom;
    wait sendmsg(fd: i32, message: u32, flags: i32) = socket::sendmsg;
    wait recvmsg(fd: i32, message: u32, flags: i32) = socket::recvmsg;
    quick setsockopt(fd: i32, level: i32, name: i32, value: u32, len: u32) = socket::setsockopt;
    quick getsockopt(fd: i32, level: i32, name: i32, value: u32, len: u32) = socket::getsockopt;
    // Time.
    quick clock_gettime(id: i32, buffer: u32) = time::clock_gettime;
    pure clock_getres(id: i32, buffer: u32) = time::clock_getres;
    quick gettimeofday(buffer: u32, zone: u32) = time::gettimeofday;
    quick time(buffer: u32) = time::time;
    quick clock_settime(id: i32, time: u32) = time::clock_settime;
    wait nanosleep(wanted: u32, left: u32) = time::nanosleep;
    wait clock_nanosleep(id: i32, flags: i32, wanted: u32, left: u32) = time::clock_nanosleep;
    quick getitimer(which: i32, buffer: u32) = time::getitimer;
    quick setitimer(which: i32, new: u32, old: u32) = time::setitimer;
    quick alarm(seconds: i32) = time::alarm;
    quick timer_create(id: i32, event: u32, timer: u32) = time::timer_create;
    quick timer_settime(timer: i32, flags: i32, new: u32, old: u32) = time::timer_settime;
    quick timer_gettime(timer: i32, buffer: u32) = time::timer_gettime;
    quick timer_getoverrun(timer: i32) = time::timer_getoverrun;
    quick timer_delete(timer: i32) = time::timer_delete;
    // Users.
    pure getuid() = cred::getuid;
    pure geteuid() = cred::geteuid;
    pure getgid() = cred::getgid;
    pure getegid() = cred::getegid;
    quick setuid(id: i32) = cred::setuid;
    quick setgid(id: i32) = cred::setgid;
    quick setreuid(real: i32, effective: i32) = cred::setreuid;
    quick setregid(real: i32, effective: i32) = cred::setregid;
    quick setresuid(real: i32, effective: i32, saved: i32) = cred::setresuid;
    quick setresgid(real: i32, effective: i32, saved: i32) = cred::setresgid;
    pure getresuid(real: u32, effective: u32, saved: u32) = cred::getresuid;
    pure getresgid(real: u32, effective: u32, saved: u32) = cred::getresgid;
    pure getgroups(room: u32, list: u32) = cred::getgroups;
    quick setgroups(count: u32, list: u32) = cred::setgroups;
    // The machine.
    quick uname(buffer: u32) = system::uname;
    quick sysinfo(buffer: u32) = system::sysinfo;
    quick sethostname(name: u32, len: u32) = system::sethostname;
    quick getrandom(buffer: u32, len: u32, flags: i32) = system::getrandom;
    quick prlimit64(pid: i32, resource: i32, new: u32, old: u32) = system::prlimit64;
    quick getrlimit(resource: i32, buffer: u32) = system::getrlimit;
    quick setrlimit(resource: i32, buffer: u32) = system::setrlimit;
    wait sched_yield() = system::sched_yield;
    pure sched_getaffinity(pid: i32, len: u32, buffer: u32) = system::sched_getaffinity;
    pure sched_setaffinity(pid: i32, len: u32, buffer: u32) = system::sched_setaffinity;
    pure sched_getscheduler(pid: i32) = system::sched_getscheduler;
    pure sched_getparam(pid: i32, buffer: u32) = system::sched_getparam;
    pure sched_setscheduler(pid: i32, policy: i32, parameter: u32) = system::sched_setscheduler;
    pure sched_get_priority_max(policy: i32) = system::sched_get_priority_max;
    pure sched_get_priority_min(policy: i32) = system::sched_get_priority_min;
    pure getcpu(cpu: u32, node: u32, cache: u32) = system::getcpu;
    pure membarrier(command: i32, flags: i32, cpu: i32) = system::membarrier;
    quick setdomainname(name: u32, len: u32) = system::setdomainname;
    quick sync() = system::sync;
    pure personality(wanted: i32) = system::personality;
    pure set_robust_list(head: u32, len: u32) = system::set_robust_list;
    quick sched_rr_get_interval(pid: i32, buffer: u32) = system::sched_rr_get_interval;
    // Extended attributes.
    quick setxattr(path: u32, name: u32, value: u32, size: u32, flags: i32) = xattr::setxattr;
    quick lsetxattr(path: u32, name: u32, value: u32, size: u32, flags: i32) = xattr::lsetxattr;
    quick fsetxattr(fd: i32, name: u32, value: u32, size: u32, flags: i32) = xattr::fsetxattr;
    quick getxattr(path: u32, name: u32, value: u32, size: u32) = xattr::getxattr;
    quick lgetxattr(path: u32, name: u32, value: u32, size: u32) = xattr::lgetxattr;
    quick fgetxattr(fd: i32, name: u32, value: u32, size: u32) = xattr::fgetxattr;
    quick listxattr(path: u32, list: u32, size: u32) = xattr::listxattr;
    quick llistxattr(path: u32, list: u32, size: u32) = xattr::llistxattr;
    quick flistxattr(fd: i32, list: u32, size: u32) = xattr::flistxattr;
    quick removexattr(path: u32, name: u32) = xattr::removexattr;
    quick lremovexattr(path: u32, name: u32) = xattr::lremovexattr;
    quick fremovexattr(fd: i32, name: u32) = xattr::fremovexattr;
}

/// Defines every import of a Linux program.
pub(crate) fn define(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
    define_calls(linker)?;
    define_missing(linker)?;
    wali_start::define(linker)?;
    linker.func_wrap(
        "cenote",
        "start_block",
        |caller: Caller<'_, Process>, address: u32, room: u32| -> i32 {
            let mut call = Call::new(caller);
            match start::start_block(&mut call, address, room) {
                Ok(needed) => i32::try_from(needed).unwrap_or(i32::MAX),
                Err(error) => -error.errno().raw(),
            }
        },
    )?;
    linker.func_wrap_async("cenote", "fork", |caller: Caller<'_, Process>, ()| {
        Box::new(async move { fork::fork(&mut Call::new(caller)).await })
    })?;
    // Programs of other toolchains that went through asyncify for the call's own name.
    for name in FORKS {
        linker.func_wrap_async(
            "wali",
            &format!("SYS_{name}"),
            |caller: Caller<'_, Process>, ()| {
                Box::new(async move { Ok(i64::from(fork::fork(&mut Call::new(caller)).await?)) })
            },
        )?;
    }
    linker.func_wrap_async(
        "cenote",
        "posix_spawn",
        |caller: Caller<'_, Process>,
         (path, actions, attributes, argv, envp, search): (u32, u32, u32, u32, u32, u32)| {
            Box::new(async move {
                let mut call = Call::new(caller);
                loop {
                    let spawned = process::posix_spawn(
                        &mut call, path, actions, attributes, argv, envp, search,
                    )
                    .await;
                    if let Some(value) = Box::pin(call.settle(spawned.map(Answer::answer))).await? {
                        return Ok::<i64, wasmtime::Error>(value);
                    }
                }
            })
        },
    )?;
    Ok(())
}

/// Defines the calls that are not there: they answer `ENOSYS`.
fn define_missing(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
    for row in SYSCALLS
        .iter()
        .filter(|row| !BOUND.contains(&row.name) && !FORKS.contains(&row.name))
    {
        let engine = linker.engine().clone();
        let kinds = row.arguments.bytes().map(|kind| {
            if kind == b'l' {
                ValType::I64
            } else {
                ValType::I32
            }
        });
        let name = row.name;
        linker.func_new(
            "wali",
            &format!("SYS_{name}"),
            FuncType::new(&engine, kinds, [ValType::I64]),
            move |caller, _arguments, results| {
                tracing::debug!(target: "cenote::syscall", pid = %caller.data().task().pid(), name, "ENOSYS");
                if let Some(result) = results.first_mut() {
                    *result = Val::I64(-i64::from(cenote_abi::Errno::ENOSYS.raw()));
                }
                Ok(())
            },
        )?;
    }
    Ok(())
}

/// Tells whether a module may import this from the Linux world.
pub(crate) fn has_import(module: &str, name: &str) -> bool {
    match module {
        "wali" => {
            wali_start::NAMES.contains(&name)
                || name
                    .strip_prefix("SYS_")
                    .is_some_and(|name| SYSCALLS.iter().any(|row| row.name == name))
        }
        "cenote" => UNNUMBERED.contains(&name),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
