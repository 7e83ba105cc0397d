//! Time: clocks, sleeping, interval timers, POSIX timers.
//!
//! All clocks but the time of day are the machine's monotonic one; processor-time clocks tell what runtimes reported.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cenote_abi::clock::{ClockId, ItimerKind, TimerFlags, TimerSpec};
use cenote_abi::fs::Timespec;
use cenote_abi::signal::{SI_TIMER, SigInfo};
use cenote_abi::{Errno, SigNum};
use cenote_base::{MonoTime, SysError, SysResult};

use super::{traced, traced_wait};
use crate::kernel::Kernel;
use crate::process::{Process, Task};
use crate::signal::send::{Target, send, send_kernel};
use crate::timer::{Alarm, AlarmSetting, MAX_TIMERS, Overruns, PosixTimer};

fn is_realtime(clock: ClockId) -> bool {
    matches!(
        clock,
        ClockId::Realtime | ClockId::RealtimeCoarse | ClockId::RealtimeAlarm | ClockId::Tai
    )
}

fn is_cpu(clock: ClockId) -> bool {
    matches!(clock, ClockId::ProcessCpuTime | ClockId::ThreadCpuTime)
}

/// Tells the time. See `clock_gettime(2)`.
///
/// # Errors
/// None that a decoded call can meet.
pub fn clock_gettime(task: &Task, clock: ClockId) -> SysResult<Timespec> {
    let source = task.kernel().clock();
    Ok(if is_realtime(clock) {
        source.realtime()
    } else if is_cpu(clock) {
        let own = source.timing().usage(task.process().usage().own());
        Timespec::from_duration(own.user_time.saturating_add(own.system_time))
    } else {
        Timespec::from_duration(source.now().since_boot())
    })
}

/// Tells a clock's resolution: a nanosecond, or a millisecond where the machine's time is coarse. See `clock_getres(2)`.
///
/// # Errors
/// None that a decoded call can meet.
pub fn clock_getres(task: &Task, clock: ClockId) -> SysResult<Timespec> {
    let nsec = if matches!(clock, ClockId::RealtimeCoarse | ClockId::MonotonicCoarse) {
        4_000_000
    } else {
        let step = task.kernel().clock().timing().resolution();
        step.subsec_nanos()
    };
    Ok(Timespec { sec: 0, nsec })
}

/// The point on the monotonic clock at which `clock` shows `time`.
pub(crate) fn deadline(kernel: &Kernel, clock: ClockId, time: Timespec) -> SysResult<MonoTime> {
    if time.nsec >= Timespec::NANOSECONDS {
        return Err(Errno::EINVAL.into());
    }
    if !is_realtime(clock) {
        // A time before boot has passed.
        return Ok(MonoTime::from_boot(time.to_duration().unwrap_or_default()));
    }
    let now = kernel.clock().realtime();
    let target = i128::from(time.sec) * 1_000_000_000 + i128::from(time.nsec);
    let current = i128::from(now.sec) * 1_000_000_000 + i128::from(now.nsec);
    let ahead = u64::try_from((target - current).max(0)).unwrap_or(u64::MAX);
    Ok(kernel.clock().now().after(Duration::from_nanos(ahead)))
}

/// Waits for a span, or with `TIMER_ABSTIME` until a time. On `EINTR` the second answer is the time that was left.
/// See `clock_nanosleep(2)`.
///
/// # Errors
/// `EINVAL`: not a time, or a clock that cannot be waited for. `EINTR`: a handler is to run.
pub async fn clock_nanosleep(
    task: &Task,
    clock: ClockId,
    flags: TimerFlags,
    time: Timespec,
) -> (SysResult, Option<Timespec>) {
    let mut left = None;
    let outcome = traced_wait(task, "clock_nanosleep", async {
        if is_cpu(clock) {
            return Err(SysError::with_note(
                Errno::EINVAL,
                "processor-time clocks cannot be waited for",
            ));
        }
        let now = task.kernel().clock().now();
        let is_absolute = flags.contains(TimerFlags::TIMER_ABSTIME);
        let until = if is_absolute {
            deadline(task.kernel(), clock, time)?
        } else {
            now.after(time.to_duration().ok_or(Errno::EINVAL)?)
        };
        match task.wait_until::<()>(&[], Some(until), || None).await {
            Ok(_) => Ok(()),
            Err(_) => {
                if !is_absolute {
                    left = Some(Timespec::from_duration(
                        until.duration_since(task.kernel().clock().now()),
                    ));
                }
                Err(SysError::interrupted_for_good())
            }
        }
    })
    .await;
    (outcome, left)
}

fn setting_of(
    now: MonoTime,
    spec: &TimerSpec,
    next: impl FnOnce(Timespec) -> SysResult<MonoTime>,
) -> SysResult<AlarmSetting> {
    let interval = spec.interval.to_duration().ok_or(Errno::EINVAL)?;
    spec.value.to_duration().ok_or(Errno::EINVAL)?;
    if spec.value.is_zero() {
        return Ok(AlarmSetting::default());
    }
    // A deadline that has passed goes off at once.
    Ok(AlarmSetting {
        next: Some(next(spec.value)?.max(now)),
        interval,
    })
}

fn spec_of(now: MonoTime, setting: AlarmSetting) -> TimerSpec {
    let value = setting.next.map_or(Timespec::ZERO, |next| {
        // What is due but has not gone off yet is not disarmed.
        Timespec::from_duration(next.duration_since(now).max(Duration::from_nanos(1)))
    });
    TimerSpec {
        interval: Timespec::from_duration(setting.interval),
        value,
    }
}

/// A relative or absolute alarm setting from what `timer_settime` and `timerfd_settime` are given.
pub(crate) fn alarm_setting(
    kernel: &Kernel,
    clock: ClockId,
    is_absolute: bool,
    spec: &TimerSpec,
) -> SysResult<AlarmSetting> {
    let now = kernel.clock().now();
    setting_of(now, spec, |value| {
        if is_absolute {
            deadline(kernel, clock, value)
        } else {
            Ok(now.after(value.to_duration().ok_or(Errno::EINVAL)?))
        }
    })
}

/// What is left of an alarm's setting.
pub(crate) fn remaining(kernel: &Kernel, setting: AlarmSetting) -> TimerSpec {
    spec_of(kernel.clock().now(), setting)
}

fn real_only(kind: ItimerKind) -> SysResult {
    match kind {
        ItimerKind::Real => Ok(()),
        ItimerKind::Virtual | ItimerKind::Prof => Err(SysError::with_note(
            Errno::ENOSYS,
            "no timers of processor time",
        )),
    }
}

/// Sets the interval timer that sends `SIGALRM`; answers what was left of the setting before. See setitimer(2).
///
/// # Errors
/// `EINVAL`: not a time. `ENOSYS`: a timer of processor time.
pub fn setitimer(task: &Task, kind: ItimerKind, spec: TimerSpec) -> SysResult<TimerSpec> {
    traced(task, "setitimer", || {
        real_only(kind)?;
        let kernel = task.kernel();
        let setting = alarm_setting(kernel, ClockId::Monotonic, false, &spec)?;
        let alarm = task.process().timers().real.get_or_init(|| {
            let process: std::sync::Weak<Process> = Arc::downgrade(task.process());
            Alarm::new(
                Arc::clone(kernel.clock()),
                Arc::clone(kernel.spawner()),
                Box::new(move |_| {
                    if let Some(process) = process.upgrade() {
                        send_kernel(&process, SigNum::SIGALRM);
                    }
                }),
            )
        });
        Ok(remaining(kernel, alarm.set(setting)))
    })
}

/// What is left of the interval timer. See getitimer(2).
///
/// # Errors
/// `ENOSYS`: a timer of processor time.
pub fn getitimer(task: &Task, kind: ItimerKind) -> SysResult<TimerSpec> {
    traced(task, "getitimer", || {
        real_only(kind)?;
        let setting = task
            .process()
            .timers()
            .real
            .get()
            .map(Alarm::setting)
            .unwrap_or_default();
        Ok(remaining(task.kernel(), setting))
    })
}

/// What a POSIX timer does when it goes off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimerEvent {
    /// `SIGEV_NONE`.
    Nothing,
    /// `SIGEV_SIGNAL`: this signal with this value (`None`: the timer's id).
    Signal(SigNum, Option<u64>),
    /// `SIGEV_THREAD_ID`: as `Signal`, to this thread.
    Thread(SigNum, Option<u64>, cenote_base::Tid),
}

/// Makes a timer. See `timer_create(2)`.
///
/// # Errors
/// `EAGAIN`: too many timers. `EINVAL`, `ENOTSUP`: a clock that cannot be used.
pub fn timer_create(task: &Task, clock: ClockId, event: TimerEvent) -> SysResult<i32> {
    traced(task, "timer_create", || {
        if is_cpu(clock) {
            return Err(SysError::with_note(
                Errno::EOPNOTSUPP,
                "no timers of processor time",
            ));
        }
        let kernel = task.kernel();
        let mut timers = task.process().timers().posix.lock();
        if timers.by_id.len() >= MAX_TIMERS {
            return Err(Errno::EAGAIN.into());
        }
        let id = timers.next_id;
        timers.next_id = id.checked_add(1).unwrap_or(0);
        let overruns = Arc::new(Overruns::default());
        let alarm = Alarm::new(
            Arc::clone(kernel.clock()),
            Arc::clone(kernel.spawner()),
            timer_ring(
                Arc::downgrade(task.process()),
                id,
                event,
                Arc::clone(&overruns),
            ),
        );
        timers.by_id.insert(
            id,
            Arc::new(PosixTimer {
                alarm,
                clock,
                overruns,
            }),
        );
        Ok(id)
    })
}

fn timer_ring(
    process: std::sync::Weak<Process>,
    id: i32,
    event: TimerEvent,
    overruns: Arc<Overruns>,
) -> Box<dyn Fn(u64) + Send + Sync> {
    Box::new(move |count| {
        let (signal, value, target) = match event {
            TimerEvent::Nothing => return,
            TimerEvent::Signal(signal, value) => (signal, value, Target::Process),
            TimerEvent::Thread(signal, value, tid) => (signal, value, Target::Thread(tid)),
        };
        let Some(process) = process.upgrade() else {
            return;
        };
        if is_pending(&process, id) {
            let more = i32::try_from(count).unwrap_or(i32::MAX);
            let current = overruns
                .current
                .load(Ordering::Relaxed)
                .saturating_add(more);
            overruns.current.store(current, Ordering::Relaxed);
            return;
        }
        let missed = i32::try_from(count.saturating_sub(1)).unwrap_or(i32::MAX);
        overruns.before.store(
            overruns.current.swap(missed, Ordering::Relaxed),
            Ordering::Relaxed,
        );
        let mut info = SigInfo::new(signal, SI_TIMER);
        info.timer_id = id;
        info.overrun = missed;
        info.value = value.unwrap_or(u64::from(id.cast_unsigned()));
        // A full queue loses an expiration, as on Linux.
        send(&process, info, target).ok();
    })
}

/// Whether the signal of a timer's last expiration was not taken yet.
fn is_pending(process: &Process, id: i32) -> bool {
    process.signals().lock().is_timer_pending(id)
}

fn timer(task: &Task, id: i32) -> SysResult<Arc<PosixTimer>> {
    task.process()
        .timers()
        .posix
        .lock()
        .by_id
        .get(&id)
        .cloned()
        .ok_or(Errno::EINVAL.into())
}

/// Sets a timer; answers what was left of the setting before. See `timer_settime(2)`.
///
/// # Errors
/// `EINVAL`: not a timer, not a time.
pub fn timer_settime(
    task: &Task,
    id: i32,
    flags: TimerFlags,
    spec: TimerSpec,
) -> SysResult<TimerSpec> {
    traced(task, "timer_settime", || {
        let timer = timer(task, id)?;
        let is_absolute = flags.contains(TimerFlags::TIMER_ABSTIME);
        let setting = alarm_setting(task.kernel(), timer.clock, is_absolute, &spec)?;
        timer.overruns.current.store(0, Ordering::Relaxed);
        Ok(remaining(task.kernel(), timer.alarm.set(setting)))
    })
}

/// What is left of a timer. See `timer_gettime(2)`.
///
/// # Errors
/// `EINVAL`: not a timer.
pub fn timer_gettime(task: &Task, id: i32) -> SysResult<TimerSpec> {
    traced(task, "timer_gettime", || {
        Ok(remaining(task.kernel(), timer(task, id)?.alarm.setting()))
    })
}

/// How many expirations the last signal of a timer stands for besides its own. See `timer_getoverrun(2)`.
///
/// # Errors
/// `EINVAL`: not a timer.
pub fn timer_getoverrun(task: &Task, id: i32) -> SysResult<i32> {
    traced(task, "timer_getoverrun", || {
        let overruns = Arc::clone(&timer(task, id)?.overruns);
        let asked = if is_pending(task.process(), id) {
            &overruns.before
        } else {
            &overruns.current
        };
        Ok(asked.load(Ordering::Relaxed))
    })
}

/// Deletes a timer. See `timer_delete(2)`.
///
/// # Errors
/// `EINVAL`: not a timer.
pub fn timer_delete(task: &Task, id: i32) -> SysResult {
    traced(task, "timer_delete", || {
        let removed = task.process().timers().posix.lock().by_id.remove(&id);
        removed.map(drop).ok_or(Errno::EINVAL.into())
    })
}
