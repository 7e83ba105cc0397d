//! Signals: `kill` to `sigaltstack`.

use std::sync::Arc;
use std::time::Duration;

use cenote_abi::signal::{
    MINSIGSTKSZ, SI_QUEUE, SI_TKILL, SS_DISABLE, SS_ONSTACK, SigInfo, SigMaskHow,
};
use cenote_abi::{Errno, SigNum, SigSet};
use cenote_base::{Pgid, Pid, SysError, SysResult, Tid};

use super::{traced, traced_wait};
use crate::process::{Process, Task};
use crate::signal::action::Effect;
use crate::signal::send::{Target, may_signal, send};
use crate::signal::{AltStack, SigAction};

/// Whether the caller may send `signal` to `process`.
fn permitted(task: &Task, process: &Process, signal: Option<SigNum>) -> bool {
    let own = task.process().credentials();
    if process.pid() == task.pid() || may_signal(&own, &process.credentials()) {
        return true;
    }
    let table = task.kernel().table();
    signal == Some(SigNum::SIGCONT)
        && match (
            table.session_of(task.pid()),
            table.session_of(process.pid()),
        ) {
            (Some(one), Some(other)) => Arc::ptr_eq(&one, &other),
            _ => false,
        }
}

/// Sends a signal (or only checks, without one) to one process, the own group (0), everyone (-1) or a group (below -1).
/// See kill(2).
///
/// # Errors
/// `ESRCH`: there is none. `EPERM`: not permitted for any.
pub fn kill(task: &Task, target: i32, signal: Option<SigNum>) -> SysResult {
    traced(task, "kill", || {
        let table = task.kernel().table();
        let processes = match target {
            1.. => table.get(Pid::new(target)).into_iter().collect(),
            0 => table.members(table.group_of(task.pid()).ok_or(Errno::ESRCH)?),
            -1 => table.select(
                |node| !matches!(node.process.pid(), pid if pid == Pid::INIT || pid == task.pid()),
            ),
            i32::MIN => Vec::new(),
            group => table.members(Pgid::new(-group)),
        };
        let mut outcome = Err(SysError::new(Errno::ESRCH));
        for process in processes {
            if !permitted(task, &process, signal) {
                outcome = outcome.or(Err(SysError::new(Errno::EPERM)));
                continue;
            }
            if let Some(signal) = signal {
                let info = SigInfo::from_user(
                    signal,
                    task.pid().raw(),
                    task.process().credentials().uid.raw(),
                );
                send(&process, info, Target::Process)?;
            }
            outcome = Ok(());
        }
        outcome
    })
}

/// Sends a signal to a thread of any process. See tkill(2).
///
/// # Errors
/// `EINVAL`: not a thread's id. `ESRCH`: there is no such thread. `EPERM`.
pub fn tkill(task: &Task, tid: Tid, signal: Option<SigNum>) -> SysResult {
    traced(task, "tkill", || send_to_thread(task, None, tid, signal))
}

/// Sends a signal to a thread of a given process. See tgkill(2).
///
/// # Errors
/// As [`tkill`].
pub fn tgkill(task: &Task, pid: Pid, tid: Tid, signal: Option<SigNum>) -> SysResult {
    traced(task, "tgkill", || {
        send_to_thread(task, Some(pid), tid, signal)
    })
}

fn send_to_thread(task: &Task, pid: Option<Pid>, tid: Tid, signal: Option<SigNum>) -> SysResult {
    if tid.raw() <= 0 || pid.is_some_and(|pid| pid.raw() <= 0) {
        return Err(Errno::EINVAL.into());
    }
    let process = task.kernel().table().of_thread(tid).ok_or(Errno::ESRCH)?;
    if pid.is_some_and(|pid| pid != process.pid()) {
        return Err(Errno::ESRCH.into());
    }
    if !permitted(task, &process, signal) {
        return Err(Errno::EPERM.into());
    }
    let Some(signal) = signal else { return Ok(()) };
    let mut info = SigInfo::from_user(
        signal,
        task.pid().raw(),
        task.process().credentials().uid.raw(),
    );
    info.code = SI_TKILL;
    send(&process, info, Target::Thread(tid))
}

/// Sends a signal with a value. See `rt_sigqueueinfo(2)`, sigqueue(3).
///
/// # Errors
/// `ESRCH`, `EPERM`. `EAGAIN`: too many signals are waiting.
pub fn rt_sigqueueinfo(task: &Task, pid: Pid, info: SigInfo) -> SysResult {
    traced(task, "rt_sigqueueinfo", || {
        let process = task
            .kernel()
            .table()
            .get(pid)
            .filter(|_| pid.raw() > 0)
            .ok_or(Errno::ESRCH)?;
        // A code that only the kernel uses may not be pretended to another process.
        if pid != task.pid() && (info.code >= 0 || info.code == SI_TKILL) {
            return Err(Errno::EPERM.into());
        }
        if !permitted(task, &process, Some(info.signo)) {
            return Err(Errno::EPERM.into());
        }
        send(&process, info, Target::Process)
    })
}

/// What a signal with a value from the caller carries.
#[must_use]
pub fn queued_info(task: &Task, signal: SigNum, value: u64) -> SigInfo {
    let mut info = SigInfo::from_user(
        signal,
        task.pid().raw(),
        task.process().credentials().uid.raw(),
    );
    info.code = SI_QUEUE;
    info.value = value;
    info
}

/// Tells and changes what happens with a signal. See `rt_sigaction(2)`.
///
/// # Errors
/// `EINVAL`: changing `SIGKILL` or `SIGSTOP`.
pub fn rt_sigaction(
    task: &Task,
    signal: SigNum,
    action: Option<SigAction>,
) -> SysResult<SigAction> {
    traced(task, "rt_sigaction", || {
        let mut signals = task.process().signals().lock();
        let before = signals.actions.of(signal);
        let Some(mut action) = action else {
            return Ok(before);
        };
        if SigSet::UNBLOCKABLE.contains(signal) {
            return Err(Errno::EINVAL.into());
        }
        action.mask = action.mask.difference(SigSet::UNBLOCKABLE);
        signals.actions.set(signal, action);
        // POSIX: a pending signal that is now ignored is thrown away, blocked or not.
        if signals.actions.effect(signal) == Effect::Nothing {
            let only = SigSet::only(signal);
            signals.shared.discard(only);
            for thread in &mut signals.threads {
                thread.pending.discard(only);
            }
        }
        let kick = signals.refresh();
        drop(signals);
        kick.carry_out();
        Ok(before)
    })
}

/// Tells and changes which signals the thread blocks. See `rt_sigprocmask(2)`.
///
/// # Errors
/// None that a decoded call can meet.
pub fn rt_sigprocmask(task: &Task, how: SigMaskHow, set: Option<SigSet>) -> SysResult<SigSet> {
    traced(task, "rt_sigprocmask", || {
        let mut signals = task.process().signals().lock();
        let before = signals
            .thread(task.tid())
            .map_or(SigSet::EMPTY, |thread| thread.mask);
        let Some(set) = set else { return Ok(before) };
        let mask = match how {
            SigMaskHow::Block => before.union(set),
            SigMaskHow::Unblock => before.difference(set),
            SigMaskHow::SetMask => set,
        };
        let kick = signals.set_mask(task.tid(), mask);
        drop(signals);
        kick.carry_out();
        Ok(before)
    })
}

/// The signals that are blocked and pending. See `rt_sigpending(2)`.
#[must_use]
pub fn rt_sigpending(task: &Task) -> SigSet {
    let signals = task.process().signals().lock();
    signals.thread(task.tid()).map_or(SigSet::EMPTY, |thread| {
        thread
            .pending
            .set()
            .union(signals.shared.set())
            .intersection(thread.mask)
    })
}

/// Waits, with another mask, until a handler is to run; the mask comes back with its delivery. See `rt_sigsuspend(2)`.
///
/// # Errors
/// `EINTR`: always.
pub async fn rt_sigsuspend(task: &Task, mask: SigSet) -> SysResult {
    traced_wait(task, "rt_sigsuspend", async {
        task.suspend_with_mask(mask);
        wait_for_handler(task).await
    })
    .await
}

/// Waits until a handler is to run. See pause(2).
///
/// # Errors
/// `EINTR`: always.
pub async fn pause(task: &Task) -> SysResult {
    traced_wait(task, "pause", wait_for_handler(task)).await
}

async fn wait_for_handler(task: &Task) -> SysResult {
    match task.wait_until::<()>(&[], None, || None).await {
        Err(error) if error.is_restartable() => Err(SysError::interrupted_for_good()),
        Err(error) => Err(error),
        Ok(_) => Err(SysError::interrupted_for_good()),
    }
}

/// Takes one of a set of signals, waiting for it up to `timeout`. See `rt_sigtimedwait(2)`.
///
/// # Errors
/// `EAGAIN`: the time has passed. `EINTR`: a handler of another signal is to run.
pub async fn rt_sigtimedwait(
    task: &Task,
    set: SigSet,
    timeout: Option<Duration>,
) -> SysResult<SigInfo> {
    traced_wait(task, "rt_sigtimedwait", async {
        let set = set.difference(SigSet::UNBLOCKABLE);
        let guard = AwaitedGuard::set(task, set);
        let deadline = timeout.map(|timeout| task.kernel().clock().now().after(timeout));
        let take = || take_pending(task, set).map(Ok);
        let outcome = task.wait_until(&[], deadline, take).await;
        drop(guard);
        match outcome {
            Ok(Some(info)) => Ok(info),
            Ok(None) => Err(Errno::EAGAIN.into()),
            Err(_) => Err(SysError::interrupted_for_good()),
        }
    })
    .await
}

/// While it lives, signals of a set are kept for the thread that waits for them, and not delivered.
struct AwaitedGuard<'a> {
    task: &'a Task,
    mask: SigSet,
}

impl<'a> AwaitedGuard<'a> {
    fn set(task: &'a Task, set: SigSet) -> Self {
        let mut signals = task.process().signals().lock();
        let mut mask = SigSet::EMPTY;
        if let Some(thread) = signals.thread_mut(task.tid()) {
            // Linux: do_sigtimedwait blocks what it waits for.
            mask = thread.mask;
            thread.awaited = set;
            thread.mask = mask.union(set);
        }
        let kick = signals.refresh();
        drop(signals);
        kick.carry_out();
        Self { task, mask }
    }
}

impl Drop for AwaitedGuard<'_> {
    fn drop(&mut self) {
        let mut signals = self.task.process().signals().lock();
        if let Some(thread) = signals.thread_mut(self.task.tid()) {
            thread.awaited = SigSet::EMPTY;
        }
        let kick = signals.set_mask(self.task.tid(), self.mask);
        drop(signals);
        kick.carry_out();
    }
}

fn take_pending(task: &Task, set: SigSet) -> Option<SigInfo> {
    let mut signals = task.process().signals().lock();
    let own = signals
        .thread_mut(task.tid())
        .and_then(|thread| thread.pending.take(set));
    let taken = own.or_else(|| signals.shared.take(set));
    if taken.is_some() {
        // Fewer are pending: nobody has to be told.
        drop(signals.refresh());
    }
    taken
}

/// Tells and changes the alternate stack of the thread: kept for the runtime, which decides whether handlers use it.
/// See sigaltstack(2).
///
/// # Errors
/// `EINVAL`: unknown flags. `ENOMEM`: too small.
pub fn sigaltstack(task: &Task, stack: Option<AltStack>) -> SysResult<AltStack> {
    traced(task, "sigaltstack", || {
        let mut signals = task.process().signals().lock();
        let thread = signals.thread_mut(task.tid()).ok_or(Errno::EINVAL)?;
        let before = thread.alt_stack;
        let Some(stack) = stack else {
            return Ok(before);
        };
        if stack.flags & !(SS_DISABLE | SS_ONSTACK) != 0 {
            return Err(Errno::EINVAL.into());
        }
        if stack.flags & SS_DISABLE == 0
            && stack.size < u64::try_from(MINSIGSTKSZ).unwrap_or(u64::MAX)
        {
            return Err(Errno::ENOMEM.into());
        }
        thread.alt_stack = if stack.flags & SS_DISABLE == 0 {
            stack
        } else {
            AltStack {
                flags: SS_DISABLE,
                ..AltStack::default()
            }
        };
        Ok(before)
    })
}
