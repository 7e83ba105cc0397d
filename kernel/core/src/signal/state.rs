//! All signal state of one process: [`ProcessSignals`], and the threads it concerns.
//!
//! Stops and the end of a process are kept here too, because signals cause them and one lock must order them: a
//! `SIGCONT` and a stop, two exits, a kill and an exit.
//!
//! Every change that a thread must notice is written to its [`Attention`], an atomic that runtimes look at after each
//! call, and answered as a [`Kick`] that the caller carries out after releasing the lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use cenote_abi::wait::WaitStatus;
use cenote_abi::{SigNum, SigSet};
use cenote_base::{Tid, WaitQueue};
use parking_lot::RwLock;

use super::action::{Actions, AltStack, Effect};
use super::queue::Pending;
use crate::process::task::Interrupter;

/// The signals that stop a process by default.
pub(crate) const STOP_SIGNALS: SigSet = SigSet::from_bits(
    SigNum::SIGSTOP.bit() | SigNum::SIGTSTP.bit() | SigNum::SIGTTIN.bit() | SigNum::SIGTTOU.bit(),
);

/// What a thread must look at, as bits.
#[derive(Debug, Default)]
pub(crate) struct Attention(AtomicU8);

impl Attention {
    const SIGNAL: u8 = 1;
    const STOPPED: u8 = 2;
    const END: u8 = 4;

    pub(crate) fn any(&self) -> bool {
        self.0.load(Ordering::Acquire) != 0
    }

    pub(crate) fn must_end(&self) -> bool {
        self.0.load(Ordering::Acquire) & Self::END != 0
    }
}

/// The part of a task that others reach: to wake it, to interrupt it.
#[derive(Default)]
pub(crate) struct TaskCell {
    pub(crate) attention: Attention,
    /// Woken on every change of pending signals and on the end.
    pub(crate) queue: WaitQueue,
    pub(crate) interrupter: RwLock<Option<Arc<dyn Interrupter>>>,
}

impl core::fmt::Debug for TaskCell {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TaskCell")
            .field("attention", &self.attention)
            .finish_non_exhaustive()
    }
}

impl TaskCell {
    /// Wakes the task's waits, and its program when something has to be done at once.
    pub(crate) fn kick(&self) {
        self.queue.wake_all();
        if self.attention.any() {
            let interrupter = self.interrupter.read().clone();
            if let Some(interrupter) = interrupter {
                interrupter.interrupt(self.attention.must_end());
            }
        }
    }
}

/// Tasks to be told once no lock is held. Losing one loses a wake-up.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Kick {
    cells: Vec<Arc<TaskCell>>,
}

impl Kick {
    pub(crate) fn carry_out(self) {
        for cell in self.cells {
            cell.kick();
        }
    }
}

/// The signal state of one thread.
#[derive(Debug)]
pub(crate) struct ThreadSignals {
    pub(crate) tid: Tid,
    pub(crate) cell: Arc<TaskCell>,
    pub(crate) mask: SigSet,
    pub(crate) pending: Pending,
    /// The mask to go back to after `sigsuspend`, `ppoll` and their like.
    pub(crate) saved_mask: Option<SigSet>,
    pub(crate) alt_stack: AltStack,
    /// Blocked signals the thread nevertheless waits for (`sigtimedwait`): they are not thrown away when ignored.
    pub(crate) awaited: SigSet,
}

impl ThreadSignals {
    pub(crate) fn new(tid: Tid, mask: SigSet) -> Self {
        Self {
            tid,
            cell: Arc::default(),
            mask,
            pending: Pending::default(),
            saved_mask: None,
            alt_stack: AltStack {
                flags: cenote_abi::signal::SS_DISABLE,
                ..AltStack::default()
            },
            awaited: SigSet::EMPTY,
        }
    }
}

/// The signal state of one process.
#[derive(Debug, Default)]
pub(crate) struct ProcessSignals {
    pub(crate) actions: Actions,
    /// Sent to the process as a whole.
    pub(crate) shared: Pending,
    pub(crate) threads: Vec<ThreadSignals>,
    /// The signal that stopped the process, while it is stopped.
    pub(crate) stopped: Option<SigNum>,
    /// Counts continues, so that a stop that was decided before one is not carried out after it.
    pub(crate) continues: u64,
    /// A stop the parent has not been told of through `wait`.
    pub(crate) stop_report: Option<SigNum>,
    /// A continue the parent has not been told of.
    pub(crate) continue_report: bool,
    /// How the process ends, once that is decided.
    pub(crate) ending: Option<WaitStatus>,
}

impl ProcessSignals {
    pub(crate) fn thread(&self, tid: Tid) -> Option<&ThreadSignals> {
        self.threads.iter().find(|thread| thread.tid == tid)
    }

    /// Whether the signal of a timer's last expiration was not taken yet.
    pub(crate) fn is_timer_pending(&self, id: i32) -> bool {
        self.shared.has_timer(id)
            || self
                .threads
                .iter()
                .any(|thread| thread.pending.has_timer(id))
    }

    pub(crate) fn thread_mut(&mut self, tid: Tid) -> Option<&mut ThreadSignals> {
        self.threads.iter_mut().find(|thread| thread.tid == tid)
    }

    /// Whether nobody blocks or awaits `signal` and its effect is nothing, so that it need not be kept.
    pub(crate) fn throws_away(&self, signal: SigNum) -> bool {
        self.actions.effect(signal) == Effect::Nothing
            && !self
                .threads
                .iter()
                .any(|thread| thread.mask.contains(signal) || thread.awaited.contains(signal))
    }

    /// Rewrites every thread's attention after a change; answers whom to tell.
    pub(crate) fn refresh(&mut self) -> Kick {
        let mut cells = Vec::new();
        let shared = self.shared.set();
        for thread in &self.threads {
            let mut bits = 0;
            if !thread
                .pending
                .set()
                .union(shared)
                .difference(thread.mask)
                .is_empty()
            {
                bits |= Attention::SIGNAL;
            }
            if self.stopped.is_some() {
                bits |= Attention::STOPPED;
            }
            if self.ending.is_some() {
                bits |= Attention::END;
            }
            let before = thread.cell.attention.0.swap(bits, Ordering::AcqRel);
            if bits & !before != 0
                || (before & Attention::STOPPED != 0 && bits & Attention::STOPPED == 0)
            {
                cells.push(Arc::clone(&thread.cell));
            }
        }
        Kick { cells }
    }

    /// Rewrites every thread's attention and answers all threads, for changes that waits other than signal delivery look at.
    pub(crate) fn refresh_all(&mut self) -> Kick {
        drop(self.refresh());
        Kick {
            cells: self
                .threads
                .iter()
                .map(|thread| Arc::clone(&thread.cell))
                .collect(),
        }
    }

    /// Decides how the process ends; the first decision stands.
    pub(crate) fn end(&mut self, status: WaitStatus) -> Kick {
        if self.ending.is_some() {
            return Kick::default();
        }
        self.ending = Some(status);
        self.stopped = None;
        self.refresh_all()
    }

    /// Sets a thread's mask; the two that cannot be blocked never are.
    pub(crate) fn set_mask(&mut self, tid: Tid, mask: SigSet) -> Kick {
        if let Some(thread) = self.thread_mut(tid) {
            thread.mask = mask.difference(SigSet::UNBLOCKABLE);
        }
        self.refresh()
    }
}
