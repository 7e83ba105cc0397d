//! Waiting for many descriptors: poll, select, epoll, and the descriptors made to be waited for.

use cenote_abi::clock::TimerSpec;
use cenote_abi::poll::{
    EpollCreateFlags, EpollFlags, EpollOp, EventFdFlags, FD_SETSIZE, InotifyFlags, InotifyMask,
    PollEvents, SignalFdFlags, TimerFdFlags, TimerFdSetFlags,
};
use cenote_abi::{Errno, SigSet};
use cenote_base::{Fd, SysResult};
use cenote_kernel::syscall::{self, EpollEvent, PollFd};
use std::time::Duration;

use super::call::Call;
use super::layout::{self, Span};
use crate::memory::{GuestMemory, widen};

/// Milliseconds, where a negative number waits for ever.
fn milliseconds(timeout: i32) -> Option<Duration> {
    u64::try_from(timeout).ok().map(Duration::from_millis)
}

fn events(raw: u16) -> PollEvents {
    PollEvents::from_bits_truncate(u32::from(raw))
}

async fn poll_with(
    call: &mut Call<'_>,
    list: u32,
    count: i64,
    timeout: Option<Duration>,
    mask: Option<SigSet>,
) -> SysResult<usize> {
    let (mut memory, task) = call.parts()?;
    // More entries than there can be descriptors is Linux's EINVAL too.
    let count = u32::try_from(count)
        .ok()
        .filter(|count| *count <= 65_536)
        .ok_or(Errno::EINVAL)?;
    let mut fds: Vec<PollFd> = if count == 0 {
        Vec::new()
    } else {
        let bytes = memory.slice(list, count * 8)?;
        let entry = |entry: &[u8]| {
            PollFd::new(
                Fd::new(layout::i32_at(entry, 0)),
                events(layout::u16_at(entry, 4)),
            )
        };
        bytes.chunks_exact(8).map(entry).collect()
    };
    let ready = syscall::poll(task, &mut fds, timeout, mask).await?;
    if count != 0 {
        for (entry, fd) in memory
            .slice_mut(list, count * 8)?
            .chunks_exact_mut(8)
            .zip(&fds)
        {
            let revents = u16::try_from(fd.revents.bits() & 0xffff).unwrap_or(0);
            entry[6..8].copy_from_slice(&revents.to_le_bytes());
        }
    }
    Ok(ready)
}

pub(super) async fn poll(
    call: &mut Call<'_>,
    list: u32,
    count: i64,
    timeout: i32,
) -> SysResult<usize> {
    poll_with(call, list, count, milliseconds(timeout), None).await
}

pub(super) async fn ppoll(
    call: &mut Call<'_>,
    list: u32,
    count: i64,
    timeout: u32,
    mask: u32,
    size: u32,
) -> SysResult<usize> {
    let memory = call.memory()?;
    let timeout: Option<Span> = memory.get_optional(timeout)?;
    let mask = mask_at(&memory, mask, size)?;
    poll_with(call, list, count, timeout.map(|span| span.0), mask).await
}

fn mask_at(memory: &GuestMemory<'_>, address: u32, size: u32) -> SysResult<Option<SigSet>> {
    if address != 0 && size != 8 {
        return Err(Errno::EINVAL.into());
    }
    memory.get_optional(address)
}

/// Reads an `fd_set` of `count` bits; an absent one is empty.
fn read_set(memory: &GuestMemory<'_>, address: u32, count: usize) -> SysResult<Vec<bool>> {
    if address == 0 {
        return Ok(vec![false; count]);
    }
    let bytes = memory.slice(address, set_bytes(count)?)?;
    Ok((0..count)
        .map(|bit| bytes[bit / 8] >> (bit % 8) & 1 != 0)
        .collect())
}

/// Whole 64-bit words, as Linux copies them.
fn set_bytes(count: usize) -> SysResult<u32> {
    Ok(u32::try_from(count.div_ceil(64) * 8).map_err(|_| Errno::EINVAL)?)
}

fn write_set(memory: &mut GuestMemory<'_>, address: u32, set: &[bool]) -> SysResult {
    if address == 0 || set.is_empty() {
        return Ok(());
    }
    let bytes = memory.slice_mut(address, set_bytes(set.len())?)?;
    bytes.fill(0);
    for (bit, _) in set.iter().enumerate().filter(|(_, is_set)| **is_set) {
        bytes[bit / 8] |= 1 << (bit % 8);
    }
    Ok(())
}

struct Sets {
    count: i32,
    read: u32,
    write: u32,
    except: u32,
}

/// `select` over `poll`, as POSIX relates them: a hang-up is readable, an error both.
async fn select_with(
    call: &mut Call<'_>,
    sets: &Sets,
    timeout: Option<Duration>,
    mask: Option<SigSet>,
) -> SysResult<usize> {
    let count = usize::try_from(sets.count)
        .map_err(|_| Errno::EINVAL)?
        .min(FD_SETSIZE);
    let (mut memory, task) = call.parts()?;
    let wanted = [sets.read, sets.write, sets.except];
    let mut bits = Vec::with_capacity(3);
    for address in wanted {
        bits.push(read_set(&memory, address, count)?);
    }
    let kinds = [PollEvents::POLLIN, PollEvents::POLLOUT, PollEvents::POLLPRI];
    let mut fds = Vec::new();
    let is_wanted = |kind: usize, fd: usize| {
        bits.get(kind)
            .and_then(|set| set.get(fd))
            .is_some_and(|bit| *bit)
    };
    for fd in 0..count {
        let events = (0..3)
            .filter(|kind| is_wanted(*kind, fd))
            .fold(PollEvents::empty(), |all, kind| all | kinds[kind]);
        if !events.is_empty() {
            fds.push(PollFd::new(
                Fd::new(i32::try_from(fd).unwrap_or(i32::MAX)),
                events,
            ));
        }
    }
    syscall::poll(task, &mut fds, timeout, mask).await?;
    if fds
        .iter()
        .any(|fd| fd.revents.contains(PollEvents::POLLNVAL))
    {
        return Err(Errno::EBADF.into());
    }
    let reasons = [
        PollEvents::READABLE | PollEvents::POLLHUP | PollEvents::POLLERR,
        PollEvents::WRITABLE | PollEvents::POLLERR,
        PollEvents::POLLPRI,
    ];
    let mut ready = 0;
    for (kind, address) in wanted.into_iter().enumerate() {
        let mut set = vec![false; count];
        for fd in fds
            .iter()
            .filter(|fd| fd.events.contains(kinds[kind]) && fd.revents.intersects(reasons[kind]))
        {
            if let Some(bit) = usize::try_from(fd.fd.raw())
                .ok()
                .and_then(|index| set.get_mut(index))
            {
                *bit = true;
                ready += 1;
            }
        }
        write_set(&mut memory, address, &set)?;
    }
    Ok(ready)
}

pub(super) async fn select(
    call: &mut Call<'_>,
    count: i32,
    read: u32,
    write: u32,
    except: u32,
    timeout: u32,
) -> SysResult<usize> {
    let memory = call.memory()?;
    let span = if timeout == 0 {
        None
    } else {
        let bytes: [u8; 16] = memory.read(timeout)?;
        let time = layout::time_of_micros(layout::raw_time_at(&bytes, 0))?;
        Some(time.to_duration().ok_or(Errno::EINVAL)?)
    };
    let started = call.task().kernel().clock().now();
    let result = select_with(
        call,
        &Sets {
            count,
            read,
            write,
            except,
        },
        span,
        None,
    )
    .await;
    if let Some(span) = span {
        // Linux's own habit: the structure says afterwards how much was left.
        let (mut memory, task) = call.parts()?;
        let left = span.saturating_sub(task.kernel().clock().now().duration_since(started));
        memory.write(timeout, &layout::timeval_of(left))?;
    }
    result
}

pub(super) async fn pselect6(
    call: &mut Call<'_>,
    count: i32,
    read: u32,
    write: u32,
    except: u32,
    timeout: u32,
    mask: u32,
) -> SysResult<usize> {
    let memory = call.memory()?;
    let span: Option<Span> = memory.get_optional(timeout)?;
    // The last argument points to a pointer and a size, 8 bytes each.
    let mask = if mask == 0 {
        None
    } else {
        mask_at(
            &memory,
            memory.u32(mask)?,
            memory.u32(mask.checked_add(8).ok_or(Errno::EFAULT)?)?,
        )?
    };
    select_with(
        call,
        &Sets {
            count,
            read,
            write,
            except,
        },
        span.map(|span| span.0),
        mask,
    )
    .await
}

pub(super) fn epoll_create(call: &mut Call<'_>, size: i32) -> SysResult<Fd> {
    if size <= 0 {
        Err(Errno::EINVAL.into())
    } else {
        epoll_create1(call, 0)
    }
}

pub(super) fn epoll_create1(call: &mut Call<'_>, flags: i32) -> SysResult<Fd> {
    let flags = EpollCreateFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    syscall::epoll_create1(call.task(), flags)
}

/// `epoll_event` is packed: 32 bits of events, 64 of data.
pub(super) fn epoll_ctl(
    call: &mut Call<'_>,
    epoll: i32,
    operation: i32,
    fd: i32,
    event: u32,
) -> SysResult {
    let operation = EpollOp::from_raw(operation).ok_or(Errno::EINVAL)?;
    let (memory, task) = call.parts()?;
    let event = if operation == EpollOp::EPOLL_CTL_DEL {
        None
    } else {
        let bytes: [u8; 12] = memory.read(event)?;
        let raw = layout::u32_at(&bytes, 0);
        Some(EpollEvent {
            events: PollEvents::from_bits_truncate(raw),
            flags: EpollFlags::from_bits_truncate(raw),
            data: layout::u64_at(&bytes, 4),
        })
    };
    syscall::epoll_ctl(task, Fd::new(epoll), operation, Fd::new(fd), event)
}

async fn epoll_wait_with(
    call: &mut Call<'_>,
    epoll: i32,
    list: u32,
    count: i32,
    timeout: Option<Duration>,
    mask: Option<SigSet>,
) -> SysResult<usize> {
    let count = u32::try_from(count)
        .ok()
        .filter(|count| (1..=65_536).contains(count))
        .ok_or(Errno::EINVAL)?;
    let (mut memory, task) = call.parts()?;
    memory.slice(list, count * 12)?;
    let ready = syscall::epoll_pwait(task, Fd::new(epoll), widen(count), timeout, mask).await?;
    for (entry, event) in memory
        .slice_mut(list, count * 12)?
        .chunks_exact_mut(12)
        .zip(&ready)
    {
        entry[..4].copy_from_slice(&event.events.bits().to_le_bytes());
        entry[4..].copy_from_slice(&event.data.to_le_bytes());
    }
    Ok(ready.len())
}

pub(super) async fn epoll_wait(
    call: &mut Call<'_>,
    epoll: i32,
    list: u32,
    count: i32,
    timeout: i32,
) -> SysResult<usize> {
    epoll_wait_with(call, epoll, list, count, milliseconds(timeout), None).await
}

pub(super) async fn epoll_pwait(
    call: &mut Call<'_>,
    epoll: i32,
    list: u32,
    count: i32,
    timeout: i32,
    mask: u32,
    size: u32,
) -> SysResult<usize> {
    let mask = mask_at(&call.memory()?, mask, size)?;
    epoll_wait_with(call, epoll, list, count, milliseconds(timeout), mask).await
}

pub(super) async fn epoll_pwait2(
    call: &mut Call<'_>,
    epoll: i32,
    list: u32,
    count: i32,
    timeout: u32,
    mask: u32,
    size: u32,
) -> SysResult<usize> {
    let memory = call.memory()?;
    let span: Option<Span> = memory.get_optional(timeout)?;
    let mask = mask_at(&memory, mask, size)?;
    epoll_wait_with(call, epoll, list, count, span.map(|span| span.0), mask).await
}

pub(super) fn eventfd(call: &mut Call<'_>, value: i32) -> SysResult<Fd> {
    eventfd2(call, value, 0)
}

pub(super) fn eventfd2(call: &mut Call<'_>, value: i32, flags: i32) -> SysResult<Fd> {
    let flags = EventFdFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    syscall::eventfd2(call.task(), value.cast_unsigned(), flags)
}

pub(super) fn timerfd_create(call: &mut Call<'_>, clock: i32, flags: i32) -> SysResult<Fd> {
    let clock = cenote_abi::clock::ClockId::from_raw(clock).ok_or(Errno::EINVAL)?;
    let flags = TimerFdFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    syscall::timerfd_create(call.task(), clock, flags)
}

pub(super) fn timerfd_settime(
    call: &mut Call<'_>,
    fd: i32,
    flags: i32,
    new: u32,
    old: u32,
) -> SysResult {
    let flags = TimerFdSetFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    let (mut memory, task) = call.parts()?;
    let spec: TimerSpec = memory.get(new)?;
    let before = syscall::timerfd_settime(task, Fd::new(fd), flags, spec)?;
    memory.write_if_wanted(old, &layout::itimerspec(&before))
}

pub(super) fn timerfd_gettime(call: &mut Call<'_>, fd: i32, buffer: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let spec = syscall::timerfd_gettime(task, Fd::new(fd))?;
    memory.write(buffer, &layout::itimerspec(&spec))
}

pub(super) fn signalfd(call: &mut Call<'_>, fd: i32, mask: u32, size: u32) -> SysResult<Fd> {
    signalfd4(call, fd, mask, size, 0)
}

pub(super) fn signalfd4(
    call: &mut Call<'_>,
    fd: i32,
    mask: u32,
    size: u32,
    flags: i32,
) -> SysResult<Fd> {
    let flags = SignalFdFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    let (memory, task) = call.parts()?;
    let mask = mask_at(&memory, mask, size)?.ok_or(Errno::EFAULT)?;
    let existing = (fd != -1).then_some(Fd::new(fd));
    syscall::signalfd4(task, existing, mask, flags)
}

pub(super) fn inotify_init(call: &mut Call<'_>) -> SysResult<Fd> {
    inotify_init1(call, 0)
}

pub(super) fn inotify_init1(call: &mut Call<'_>, flags: i32) -> SysResult<Fd> {
    let flags = InotifyFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    syscall::inotify_init1(call.task(), flags)
}

pub(super) fn inotify_add_watch(
    call: &mut Call<'_>,
    fd: i32,
    path: u32,
    mask: i32,
) -> SysResult<i32> {
    let mask = InotifyMask::from_bits(mask.cast_unsigned()).ok_or(Errno::EINVAL)?;
    let (memory, task) = call.parts()?;
    syscall::inotify_add_watch(task, Fd::new(fd), memory.path(path)?, mask)
}

pub(super) fn inotify_rm_watch(call: &mut Call<'_>, fd: i32, watch: i32) -> SysResult {
    syscall::inotify_rm_watch(call.task(), Fd::new(fd), watch)
}
