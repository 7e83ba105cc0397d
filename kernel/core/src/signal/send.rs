//! Sending signals: who may, to whom, and what happens at once (continues, kills, signals nobody wants).
//!
//! Follows kill(2), and Linux's kernel/signal.c (`prepare_signal`, `complete_signal`) for the order of effects.

use std::sync::Arc;

use cenote_abi::signal::{CLD_CONTINUED, CLD_STOPPED, SI_KERNEL, SaFlags, SigInfo};
use cenote_abi::wait::WaitStatus;
use cenote_abi::{Errno, SigNum, SigSet};
use cenote_base::{Credentials, SysResult, Tid};

use super::action::{Effect, SigHandler};
use super::state::{Kick, ProcessSignals, STOP_SIGNALS};
use crate::process::Process;

/// Whom within a process a signal is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Target {
    /// Any thread that does not block it.
    Process,
    /// This thread.
    Thread(Tid),
}

/// Whether a process with `sender`'s credentials may signal `target`; for `SIGCONT` a shared session is enough.
pub(crate) fn may_signal(sender: &Credentials, target: &Credentials) -> bool {
    sender.is_privileged()
        || [sender.uid, sender.euid]
            .into_iter()
            .any(|own| own == target.uid || own == target.suid)
}

/// Sends a signal from inside the kernel.
pub(crate) fn send_kernel(process: &Arc<Process>, signal: SigNum) {
    // Only queues of real-time signals can be full.
    send(process, SigInfo::new(signal, SI_KERNEL), Target::Process).ok();
}

/// Sends a signal; permission was checked.
///
/// # Errors
/// `EAGAIN`: too many real-time signals are waiting.
pub(crate) fn send(process: &Arc<Process>, info: SigInfo, target: Target) -> SysResult {
    let mut signals = process.signals().lock();
    let outcome = post(&mut signals, info, target);
    drop(signals);
    let (kick, was_continued) = outcome?;
    kick.carry_out();
    process.signal_events().wake_all();
    if was_continued {
        process.report_to_parent(CLD_CONTINUED, SigNum::SIGCONT);
    }
    Ok(())
}

fn post(signals: &mut ProcessSignals, info: SigInfo, target: Target) -> SysResult<(Kick, bool)> {
    let signal = info.signo;
    // A process that ends or has ended takes no more signals.
    if signals.ending.is_some() || signals.threads.is_empty() {
        return Ok((Kick::default(), false));
    }
    let mut was_continued = false;
    if signal == SigNum::SIGCONT {
        discard_everywhere(signals, STOP_SIGNALS);
        signals.continues += 1;
        if signals.stopped.take().is_some() {
            signals.stop_report = None;
            signals.continue_report = true;
            was_continued = true;
        }
    } else if STOP_SIGNALS.contains(signal) {
        discard_everywhere(signals, SigSet::only(SigNum::SIGCONT));
    }
    if signal == SigNum::SIGKILL {
        return Ok((
            signals.end(WaitStatus::Signaled {
                signal,
                core: false,
            }),
            false,
        ));
    }
    if signals.throws_away(signal) {
        return Ok((signals.refresh(), was_continued));
    }
    // Linux's shortcut: what ends the process anyway ends it now, wherever the program is. A stopped process
    // ends when it is continued.
    if let Effect::Terminate { core } = signals.actions.effect(signal)
        && signals.stopped.is_none()
        && can_take(signals, signal, target)
    {
        return Ok((
            signals.end(WaitStatus::Signaled { signal, core }),
            was_continued,
        ));
    }
    match target {
        Target::Process => signals.shared.push(info)?,
        Target::Thread(tid) => match signals.thread_mut(tid) {
            Some(thread) => thread.pending.push(info)?,
            None => return Err(Errno::ESRCH.into()),
        },
    }
    // Waits for blocked signals (sigtimedwait) look at every change, so all threads are told.
    Ok((signals.refresh_all(), was_continued))
}

fn can_take(signals: &ProcessSignals, signal: SigNum, target: Target) -> bool {
    signals.threads.iter().any(|thread| {
        let is_meant = match target {
            Target::Process => true,
            Target::Thread(tid) => thread.tid == tid,
        };
        is_meant && !thread.mask.contains(signal) && !thread.awaited.contains(signal)
    })
}

fn discard_everywhere(signals: &mut ProcessSignals, set: SigSet) {
    signals.shared.discard(set);
    for thread in &mut signals.threads {
        thread.pending.discard(set);
    }
}

/// How a parent wants to hear of its children: from its disposition of `SIGCHLD`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ChildPolicy {
    /// Children leave no zombie (`SIG_IGN` or `SA_NOCLDWAIT`).
    pub(crate) reaps_itself: bool,
    /// Stops and continues send a signal (no `SA_NOCLDSTOP`).
    pub(crate) wants_stops: bool,
}

impl ChildPolicy {
    pub(crate) fn of(process: &Process) -> Self {
        let action = process.signals().lock().actions.of(SigNum::SIGCHLD);
        Self {
            reaps_itself: action.handler == SigHandler::Ignore
                || action.flags.contains(SaFlags::SA_NOCLDWAIT),
            wants_stops: !action.flags.contains(SaFlags::SA_NOCLDSTOP),
        }
    }
}

impl Process {
    /// Tells the parent that this process stopped or continued: `SIGCHLD`, and a wake-up of its waits.
    pub(crate) fn report_to_parent(&self, code: i32, signal: SigNum) {
        let Some(kernel) = self.kernel() else { return };
        let Some(parent) = kernel.table().parent_of(self.pid()) else {
            return;
        };
        debug_assert!(
            code == CLD_STOPPED || code == CLD_CONTINUED,
            "ends are reported by exit"
        );
        if ChildPolicy::of(&parent).wants_stops {
            let mut info = SigInfo::new(SigNum::SIGCHLD, code);
            info.pid = self.pid().raw();
            info.uid = self.credentials().uid.raw();
            info.status = signal.raw();
            // Only queues of real-time signals can be full.
            send(&parent, info, Target::Process).ok();
        }
        parent.child_queue().wake_all();
    }
}
