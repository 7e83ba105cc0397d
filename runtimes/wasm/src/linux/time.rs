//! Clocks, sleep, timers: decode, call the kernel, encode.

use cenote_abi::clock::{ClockId, ItimerKind, TimerFlags, TimerSpec};
use cenote_abi::fs::Timespec;
use cenote_abi::signal::{SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD_ID};
use cenote_abi::{Errno, SigNum};
use cenote_base::{SysResult, Tid, Timing};
use cenote_kernel::syscall::{self, TimerEvent};

use super::call::Call;
use super::layout;

fn clock(raw: i32) -> SysResult<ClockId> {
    Ok(ClockId::from_raw(raw).ok_or(Errno::EINVAL)?)
}

pub(super) fn clock_gettime(call: &mut Call<'_>, id: i32, buffer: u32) -> SysResult {
    let clock = clock(id)?;
    let (mut memory, process) = call.memory_and_process()?;
    let mut now = syscall::clock_gettime(process.task(), clock)?;
    let timing = process.task().kernel().clock().timing();
    if timing == Timing::Coarse {
        now = process.see(clock, now, timing.resolution());
    }
    if clock == ClockId::Realtime {
        // Below the step that is shown, the count of this process's own looks: libc makes the names of temporary files from the
        // nanoseconds, and gives up when a hundred names in a row are taken. It tells nothing of time. A clock as fine as the host's
        // has nothing below its step.
        now.nsec += process.look() % timing.resolution().subsec_nanos();
    }
    memory.write(buffer, &layout::timespec(now))
}

pub(super) fn clock_getres(call: &mut Call<'_>, id: i32, buffer: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let step = syscall::clock_getres(task, clock(id)?)?;
    memory.write_if_wanted(buffer, &layout::timespec(step))
}

pub(super) fn gettimeofday(call: &mut Call<'_>, buffer: u32, zone: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let now = syscall::clock_gettime(task, ClockId::Realtime)?;
    memory.write_if_wanted(buffer, &layout::timeval(now))?;
    memory.write_if_wanted(zone, &[0; 8])
}

pub(super) fn time(call: &mut Call<'_>, buffer: u32) -> SysResult<i64> {
    let (mut memory, task) = call.parts()?;
    let now = syscall::clock_gettime(task, ClockId::Realtime)?;
    memory.write_if_wanted(buffer, &now.sec.to_le_bytes())?;
    Ok(now.sec)
}

/// Setting the time is refused as it is to any user who may not: the machine's clock is the host's.
pub(super) fn clock_settime(_call: &mut Call<'_>, id: i32, _time: u32) -> SysResult {
    clock(id)?;
    Err(Errno::EPERM.into())
}

pub(super) async fn nanosleep(call: &mut Call<'_>, wanted: u32, left: u32) -> SysResult {
    clock_nanosleep(call, ClockId::Monotonic.raw(), 0, wanted, left).await
}

pub(super) async fn clock_nanosleep(
    call: &mut Call<'_>,
    id: i32,
    flags: i32,
    wanted: u32,
    left: u32,
) -> SysResult {
    let flags = TimerFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    let id = clock(id)?;
    let (mut memory, task) = call.parts()?;
    let wanted: Timespec = memory.get(wanted)?;
    if wanted.sec < 0 {
        return Err(Errno::EINVAL.into());
    }
    let (result, rest) = syscall::clock_nanosleep(task, id, flags, wanted).await;
    if let Some(rest) = rest {
        memory.write_if_wanted(left, &layout::timespec(rest))?;
    }
    result
}

pub(super) fn getitimer(call: &mut Call<'_>, which: i32, buffer: u32) -> SysResult {
    let which = ItimerKind::from_raw(which).ok_or(Errno::EINVAL)?;
    let (mut memory, task) = call.parts()?;
    let spec = syscall::getitimer(task, which)?;
    memory.write(buffer, &layout::itimerval(&spec))
}

pub(super) fn setitimer(call: &mut Call<'_>, which: i32, new: u32, old: u32) -> SysResult {
    let which = ItimerKind::from_raw(which).ok_or(Errno::EINVAL)?;
    let (mut memory, task) = call.parts()?;
    let spec = if new == 0 {
        TimerSpec::default()
    } else {
        layout::itimerval_from(&memory.read(new)?)?
    };
    let before = syscall::setitimer(task, which, spec)?;
    memory.write_if_wanted(old, &layout::itimerval(&before))
}

/// `alarm`: the real-time interval timer in whole seconds; what was left, rounded, at least 1.
pub(super) fn alarm(call: &mut Call<'_>, seconds: i32) -> SysResult<i64> {
    let value = Timespec {
        sec: i64::from(seconds.cast_unsigned()),
        nsec: 0,
    };
    let before = syscall::setitimer(
        call.task(),
        ItimerKind::Real,
        TimerSpec {
            interval: Timespec::ZERO,
            value,
        },
    )?;
    let left = before.value;
    let rounds_up = left.nsec >= 500_000_000 || (left.sec == 0 && left.nsec > 0);
    Ok(left.sec + i64::from(rounds_up))
}

/// `struct sigevent`: value, signal, what to do, thread. Nothing asks for `SIGALRM`.
fn timer_event(memory: &crate::memory::GuestMemory<'_>, address: u32) -> SysResult<TimerEvent> {
    if address == 0 {
        return Ok(TimerEvent::Signal(SigNum::SIGALRM, None));
    }
    let bytes: [u8; 16] = memory.read(address)?;
    let value = Some(u64::from(layout::u32_at(&bytes, 0)));
    let signal = || SigNum::from_raw(layout::i32_at(&bytes, 4)).ok_or(Errno::EINVAL);
    Ok(match layout::i32_at(&bytes, 8) {
        SIGEV_SIGNAL => TimerEvent::Signal(signal()?, value),
        SIGEV_NONE => TimerEvent::Nothing,
        SIGEV_THREAD_ID => {
            TimerEvent::Thread(signal()?, value, Tid::new(layout::i32_at(&bytes, 12)))
        }
        _ => return Err(Errno::EINVAL.into()),
    })
}

pub(super) fn timer_create(call: &mut Call<'_>, id: i32, event: u32, timer: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let event = timer_event(&memory, event)?;
    memory.slice(timer, 4)?;
    let number = syscall::timer_create(task, clock(id)?, event)?;
    memory.write(timer, &number.to_le_bytes())
}

pub(super) fn timer_settime(
    call: &mut Call<'_>,
    timer: i32,
    flags: i32,
    new: u32,
    old: u32,
) -> SysResult {
    let flags = TimerFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    let (mut memory, task) = call.parts()?;
    let spec: TimerSpec = memory.get(new)?;
    let before = syscall::timer_settime(task, timer, flags, spec)?;
    memory.write_if_wanted(old, &layout::itimerspec(&before))
}

pub(super) fn timer_gettime(call: &mut Call<'_>, timer: i32, buffer: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let spec = syscall::timer_gettime(task, timer)?;
    memory.write(buffer, &layout::itimerspec(&spec))
}

pub(super) fn timer_getoverrun(call: &mut Call<'_>, timer: i32) -> SysResult<i32> {
    syscall::timer_getoverrun(call.task(), timer)
}

pub(super) fn timer_delete(call: &mut Call<'_>, timer: i32) -> SysResult {
    syscall::timer_delete(call.task(), timer)
}
