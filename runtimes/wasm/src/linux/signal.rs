//! Signals: decode, call the kernel, encode. Handlers are run by [`deliver_signal`](super::deliver_signal).

use cenote_abi::signal::{SI_TKILL, SigInfo, SigMaskHow};
use cenote_abi::{Errno, SigNum, SigSet};
use cenote_base::{Pid, SysResult, Tid};
use cenote_kernel::signal::{AltStack, SigAction};
use cenote_kernel::syscall;

use super::call::Call;
use super::layout::{self, Bytes, Span};

/// The size of a mask: callers say it, and Linux accepts no other.
fn check_size(size: u32) -> SysResult {
    if size == 8 {
        Ok(())
    } else {
        Err(Errno::EINVAL.into())
    }
}

/// A signal number, where 0 asks only whether one could be sent.
fn signal_or_none(raw: i32) -> SysResult<Option<SigNum>> {
    match raw {
        0 => Ok(None),
        _ => Ok(Some(SigNum::from_raw(raw).ok_or(Errno::EINVAL)?)),
    }
}

pub(super) fn rt_sigaction(
    call: &mut Call<'_>,
    signal: i32,
    new: u32,
    old: u32,
    size: u32,
) -> SysResult {
    check_size(size)?;
    let signal = SigNum::from_raw(signal).ok_or(Errno::EINVAL)?;
    let (mut memory, task) = call.parts()?;
    let new: Option<SigAction> = memory.get_optional(new)?;
    let before = syscall::rt_sigaction(task, signal, new)?;
    memory.write_if_wanted(old, &layout::sigaction(&before))
}

pub(super) fn rt_sigprocmask(
    call: &mut Call<'_>,
    how: i32,
    new: u32,
    old: u32,
    size: u32,
) -> SysResult {
    check_size(size)?;
    let (mut memory, task) = call.parts()?;
    let set: Option<SigSet> = memory.get_optional(new)?;
    let how = match set {
        Some(_) => SigMaskHow::from_raw(how).ok_or(Errno::EINVAL)?,
        None => SigMaskHow::Block,
    };
    let before = syscall::rt_sigprocmask(task, how, set)?;
    memory.write_if_wanted(old, &before.bits().to_le_bytes())
}

pub(super) fn rt_sigpending(call: &mut Call<'_>, set: u32, size: u32) -> SysResult {
    if size > 8 {
        return Err(Errno::EINVAL.into());
    }
    let (mut memory, task) = call.parts()?;
    let pending = syscall::rt_sigpending(task);
    memory.write_truncated(set, size, &pending.bits().to_le_bytes())
}

pub(super) async fn rt_sigsuspend(call: &mut Call<'_>, mask: u32, size: u32) -> SysResult {
    check_size(size)?;
    let (memory, task) = call.parts()?;
    let mask: SigSet = memory.get(mask)?;
    syscall::rt_sigsuspend(task, mask).await
}

pub(super) async fn pause(call: &mut Call<'_>) -> SysResult {
    syscall::pause(call.task()).await
}

pub(super) async fn rt_sigtimedwait(
    call: &mut Call<'_>,
    set: u32,
    info: u32,
    timeout: u32,
    size: u32,
) -> SysResult<i32> {
    check_size(size)?;
    let (mut memory, task) = call.parts()?;
    let set: SigSet = memory.get(set)?;
    let timeout: Option<Span> = memory.get_optional(timeout)?;
    let taken = syscall::rt_sigtimedwait(task, set, timeout.map(|span| span.0)).await?;
    memory.write_if_wanted(info, &layout::siginfo(&taken))?;
    Ok(taken.signo.raw())
}

pub(super) fn kill(call: &mut Call<'_>, pid: i32, signal: i32) -> SysResult {
    let signal = signal_or_none(signal);
    if signal.is_err() {
        // Linux looks for the process first.
        syscall::kill(call.task(), pid, None)?;
    }
    syscall::kill(call.task(), pid, signal?)
}

pub(super) fn tkill(call: &mut Call<'_>, tid: i32, signal: i32) -> SysResult {
    syscall::tkill(call.task(), Tid::new(tid), signal_or_none(signal)?)
}

pub(super) fn tgkill(call: &mut Call<'_>, pid: i32, tid: i32, signal: i32) -> SysResult {
    syscall::tgkill(
        call.task(),
        Pid::new(pid),
        Tid::new(tid),
        signal_or_none(signal)?,
    )
}

pub(super) fn rt_sigqueueinfo(call: &mut Call<'_>, pid: i32, signal: i32, info: u32) -> SysResult {
    let (memory, task) = call.parts()?;
    let mut bytes: [u8; 128] = memory.read(info)?;
    bytes[..4].copy_from_slice(&signal.to_le_bytes());
    let info = <SigInfo as crate::memory::Layout<128>>::decode(&bytes)?;
    // Only the kernel may say that it was the kernel, or another's kill; to oneself anything may be said.
    if (info.code >= 0 || info.code == SI_TKILL) && pid != task.pid().raw() {
        return Err(Errno::EPERM.into());
    }
    syscall::rt_sigqueueinfo(task, Pid::new(pid), info)
}

/// `sigaltstack`: kept and answered; handlers run on the program's own stack all the same.
pub(super) fn sigaltstack(call: &mut Call<'_>, new: u32, old: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let new = if new == 0 {
        None
    } else {
        let bytes: [u8; 12] = memory.read(new)?;
        Some(AltStack {
            base: u64::from(layout::u32_at(&bytes, 0)),
            flags: layout::i32_at(&bytes, 4),
            size: u64::from(layout::u32_at(&bytes, 8)),
        })
    };
    let before = syscall::sigaltstack(task, new)?;
    let low = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let bytes: [u8; 12] = Bytes::new()
        .u32(0, low(before.base))
        .i32(4, before.flags)
        .u32(8, low(before.size))
        .done();
    memory.write_if_wanted(old, &bytes)
}
