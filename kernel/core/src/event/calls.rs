//! The calls on descriptors made for waiting: `epoll_create1` to `signalfd4`.

use std::sync::Arc;
use std::time::Duration;

use cenote_abi::clock::{ClockId, TimerSpec};
use cenote_abi::fs::{AccessFlags, OpenFlags};
use cenote_abi::poll::{
    EpollCreateFlags, EpollOp, EventFdFlags, InotifyFlags, InotifyMask, SignalFdFlags,
    TimerFdFlags, TimerFdSetFlags,
};
use cenote_abi::{Errno, SigSet};
use cenote_base::policy::FileOperation;
use cenote_base::{Fd, SysError, SysResult};
use cenote_vfs::lookup::{LookupFlags, resolve};
use cenote_vfs::{OpenFile, permission};

use super::epoll::Epoll;
use super::eventfd::EventFd;
use super::inotify::Inotify;
use super::signalfd::SignalFd;
use super::timerfd::TimerFd;
use crate::process::Task;
use crate::syscall::fd::install_file;
use crate::syscall::poll::with_mask;
use crate::syscall::time::{alarm_setting, remaining};
use crate::syscall::{traced, traced_wait};

pub use super::epoll::EpollEvent;

/// How many events one wait answers at most: a bound on what a guest makes the kernel allocate.
const MAX_EVENTS: usize = 4096;

fn with_nonblock(base: OpenFlags, nonblocks: bool, closes: bool) -> OpenFlags {
    let mut flags = base;
    flags.set(OpenFlags::O_NONBLOCK, nonblocks);
    flags.set(OpenFlags::O_CLOEXEC, closes);
    flags
}

/// Makes an epoll. See `epoll_create1(2)`.
///
/// # Errors
/// `EMFILE`, `ENFILE`: too many open files.
pub fn epoll_create1(task: &Task, flags: EpollCreateFlags) -> SysResult<Fd> {
    traced(task, "epoll_create1", || {
        let flags = with_nonblock(
            OpenFlags::O_RDWR,
            false,
            flags.contains(EpollCreateFlags::EPOLL_CLOEXEC),
        );
        install_file(task, Arc::new(Epoll::new()), flags)
    })
}

fn epoll_of(file: &OpenFile) -> SysResult<&Epoll> {
    file.downcast::<Epoll>().ok_or(Errno::EINVAL.into())
}

/// Watches a descriptor, asks anew of it, or stops watching it. See `epoll_ctl(2)`.
///
/// # Errors
/// `EBADF`: not open. `EINVAL`: not an epoll, or itself. `EEXIST`, `ENOENT`: watched already, not watched. `EPERM`: a
/// file that is always ready. `ELOOP`: epolls in a circle. `ENOSPC`: too many. `EFAULT`: no event given.
pub fn epoll_ctl(
    task: &Task,
    epoll: Fd,
    operation: EpollOp,
    fd: Fd,
    event: Option<EpollEvent>,
) -> SysResult {
    traced(task, "epoll_ctl", || {
        let outer = task.files().get(epoll)?;
        let file = task.files().get(fd)?;
        let set = epoll_of(&outer)?;
        if Arc::ptr_eq(outer.file(), file.file()) {
            return Err(Errno::EINVAL.into());
        }
        match (operation, event) {
            (EpollOp::Add, Some(event)) => set.add(task.kernel().epoll_nesting(), fd, &file, event),
            (EpollOp::Modify, Some(event)) => set.modify(fd, &file, event),
            (EpollOp::Delete, _) => set.remove(fd, &file),
            (EpollOp::Add | EpollOp::Modify, None) => Err(Errno::EFAULT.into()),
        }
    })
}

/// Waits for events, up to `max` of them. See `epoll_pwait(2)`.
///
/// # Errors
/// `EBADF`: not open. `EINVAL`: not an epoll, or no room for events. `EINTR`: a handler is to run.
pub async fn epoll_pwait(
    task: &Task,
    epoll: Fd,
    max: usize,
    timeout: Option<Duration>,
    mask: Option<SigSet>,
) -> SysResult<Vec<EpollEvent>> {
    traced_wait(task, "epoll_pwait", async {
        if max == 0 {
            return Err(Errno::EINVAL.into());
        }
        let file = task.files().get(epoll)?;
        let set = epoll_of(&file)?;
        let deadline = timeout.map(|timeout| task.kernel().clock().now().after(timeout));
        let queue = file.wait_queue().ok_or(Errno::EINVAL)?;
        let ready = || {
            let events = set.take(max.min(MAX_EVENTS));
            (!events.is_empty()).then_some(Ok(events))
        };
        let outcome = with_mask(task, mask, task.wait_until(&[queue], deadline, ready)).await;
        match outcome {
            Ok(events) => Ok(events.unwrap_or_default()),
            Err(error) if error.errno() == Errno::EINTR => Err(SysError::interrupted_for_good()),
            Err(error) => Err(error),
        }
    })
    .await
}

/// Makes a counter to wait for. See eventfd2(2).
///
/// # Errors
/// `EMFILE`, `ENFILE`: too many open files.
pub fn eventfd2(task: &Task, initial: u32, flags: EventFdFlags) -> SysResult<Fd> {
    traced(task, "eventfd2", || {
        let status = with_nonblock(
            OpenFlags::O_RDWR,
            flags.contains(EventFdFlags::EFD_NONBLOCK),
            flags.contains(EventFdFlags::EFD_CLOEXEC),
        );
        install_file(task, Arc::new(EventFd::new(initial, flags)), status)
    })
}

/// Makes a timer to wait for. See `timerfd_create(2)`.
///
/// # Errors
/// `EINVAL`: a clock that cannot be used. `EMFILE`, `ENFILE`: too many open files.
pub fn timerfd_create(task: &Task, clock: ClockId, flags: TimerFdFlags) -> SysResult<Fd> {
    traced(task, "timerfd_create", || {
        if matches!(clock, ClockId::ProcessCpuTime | ClockId::ThreadCpuTime) {
            return Err(Errno::EINVAL.into());
        }
        let status = with_nonblock(
            OpenFlags::O_RDWR,
            flags.contains(TimerFdFlags::TFD_NONBLOCK),
            flags.contains(TimerFdFlags::TFD_CLOEXEC),
        );
        install_file(task, Arc::new(TimerFd::new(task.kernel(), clock)), status)
    })
}

fn timer_of(file: &OpenFile) -> SysResult<&TimerFd> {
    file.downcast::<TimerFd>().ok_or(Errno::EINVAL.into())
}

/// Sets a timer; answers what was left of the setting before. See `timerfd_settime(2)`.
///
/// # Errors
/// `EBADF`: not open. `EINVAL`: not a timer, not a time.
pub fn timerfd_settime(
    task: &Task,
    fd: Fd,
    flags: TimerFdSetFlags,
    spec: TimerSpec,
) -> SysResult<TimerSpec> {
    traced(task, "timerfd_settime", || {
        let file = task.files().get(fd)?;
        let timer = timer_of(&file)?;
        let is_absolute = flags.contains(TimerFdSetFlags::TFD_TIMER_ABSTIME);
        let setting = alarm_setting(task.kernel(), timer.clock(), is_absolute, &spec)?;
        Ok(remaining(task.kernel(), timer.set(setting)))
    })
}

/// What is left of a timer. See `timerfd_gettime(2)`.
///
/// # Errors
/// `EBADF`: not open. `EINVAL`: not a timer.
pub fn timerfd_gettime(task: &Task, fd: Fd) -> SysResult<TimerSpec> {
    traced(task, "timerfd_gettime", || {
        let file = task.files().get(fd)?;
        Ok(remaining(task.kernel(), timer_of(&file)?.setting()))
    })
}

/// Makes signals readable: a new descriptor (`None`), or another set for an old one. See signalfd4(2).
///
/// # Errors
/// `EBADF`: not open. `EINVAL`: not a signalfd. `EMFILE`, `ENFILE`: too many open files.
pub fn signalfd4(task: &Task, fd: Option<Fd>, set: SigSet, flags: SignalFdFlags) -> SysResult<Fd> {
    traced(task, "signalfd4", || {
        if let Some(fd) = fd {
            let file = task.files().get(fd)?;
            file.downcast::<SignalFd>()
                .ok_or(Errno::EINVAL)?
                .set_signals(set);
            return Ok(fd);
        }
        let status = with_nonblock(
            OpenFlags::O_RDWR,
            flags.contains(SignalFdFlags::SFD_NONBLOCK),
            flags.contains(SignalFdFlags::SFD_CLOEXEC),
        );
        install_file(
            task,
            Arc::new(SignalFd::new(task.process(), task.tid(), set)),
            status,
        )
    })
}

/// Makes a queue of changes of files. See `inotify_init1(2)`.
///
/// # Errors
/// `EMFILE`, `ENFILE`: too many open files.
pub fn inotify_init1(task: &Task, flags: InotifyFlags) -> SysResult<Fd> {
    traced(task, "inotify_init1", || {
        let status = with_nonblock(
            OpenFlags::O_RDONLY,
            flags.contains(InotifyFlags::IN_NONBLOCK),
            flags.contains(InotifyFlags::IN_CLOEXEC),
        );
        let inotify = Inotify::new(task.kernel().inotify_instances())?;
        install_file(task, Arc::new(inotify), status)
    })
}

fn inotify_of(file: &OpenFile) -> SysResult<&Inotify> {
    file.downcast::<Inotify>().ok_or(Errno::EINVAL.into())
}

/// Watches a file for changes; answers the watch's number. See `inotify_add_watch(2)`.
///
/// # Errors
/// `EBADF`: not open. `EINVAL`: not an inotify, or nothing is asked for. `ENOENT`, `ENOTDIR`, `EACCES`: of the path.
/// `EEXIST`: watched already, with `IN_MASK_CREATE`. `ENOSPC`: too many.
pub fn inotify_add_watch(task: &Task, fd: Fd, path: &[u8], mask: InotifyMask) -> SysResult<i32> {
    traced(task, "inotify_add_watch", || {
        let file = task.files().get(fd)?;
        let inotify = inotify_of(&file)?;
        let mut flags = LookupFlags::FOLLOW;
        flags.set(
            LookupFlags::FOLLOW,
            !mask.contains(InotifyMask::IN_DONT_FOLLOW),
        );
        flags.set(
            LookupFlags::DIRECTORY,
            mask.contains(InotifyMask::IN_ONLYDIR),
        );
        let location = task.with_lookup(|cx| {
            let location = resolve(cx, None, path, flags)?;
            let stat = location.inode().stat()?;
            permission::check(&stat, cx.credentials, AccessFlags::R_OK)?;
            Ok::<_, SysError>(location)
        })?;
        task.kernel().permit_file(&location, FileOperation::Read)?;
        inotify.add(&location, mask)
    })
}

/// Stops watching a file. See `inotify_rm_watch(2)`.
///
/// # Errors
/// `EBADF`: not open. `EINVAL`: not an inotify, or not a watch of it.
pub fn inotify_rm_watch(task: &Task, fd: Fd, watch: i32) -> SysResult {
    traced(task, "inotify_rm_watch", || {
        let file = task.files().get(fd)?;
        inotify_of(&file)?.remove(watch)
    })
}
