//! Delivery: taking the next signal on the task it is for, and doing what has to be done. See signal(7).
//!
//! Default actions are carried out here, stops included: a stop waits inside [`Task::next_delivery`] (or inside any
//! other wait of the task) until the process is continued. Only handlers are the runtime's work.

use cenote_abi::signal::{CLD_STOPPED, SaFlags, SigInfo};
use cenote_abi::wait::WaitStatus;
use cenote_abi::{SigNum, SigSet};
use cenote_base::Waiter;

use super::action::{Effect, SigAction, SigHandler};
use super::state::ProcessSignals;
use crate::process::Task;

/// A handler the runtime is to call.
#[derive(Clone, Copy, Debug)]
pub struct HandlerCall {
    /// The signal.
    pub signal: SigNum,
    /// The disposition it was taken with; its handler is a function.
    pub action: SigAction,
    /// What the signal carries.
    pub info: SigInfo,
    /// The mask that [`Task::handler_returned`] restores.
    pub restore_mask: SigSet,
}

/// What a task has to do before it goes on.
#[derive(Clone, Copy, Debug)]
pub enum Delivery {
    /// Nothing.
    None,
    /// Call this handler, then ask again.
    Handler(HandlerCall),
    /// Unwind: the process ends.
    End,
}

/// What one look at the pending signals found.
enum Step {
    Nothing,
    Handler(HandlerCall),
    /// A stop was decided while `continues` was as given.
    Stop(SigNum, u64),
    Stopped,
    End,
}

impl Task {
    /// Takes the next signal: performs default actions (a stop waits for `SIGCONT` inside), answers a handler to be
    /// called or the end. Ask again until it answers [`Delivery::None`]. Safe to drop.
    pub async fn next_delivery(&self) -> Delivery {
        loop {
            match self.next_step() {
                Step::Nothing => {
                    self.restore_saved_mask();
                    return Delivery::None;
                }
                Step::Handler(call) => return Delivery::Handler(call),
                Step::End => return Delivery::End,
                Step::Stop(signal, continues) => self.enter_stop(signal, continues),
                Step::Stopped => self.sleep_while_stopped().await,
            }
        }
    }

    /// Restores the mask from before the handler ran, as `sigreturn` does.
    pub fn handler_returned(&self, call: &HandlerCall) {
        let kick = self
            .process()
            .signals()
            .lock()
            .set_mask(self.tid(), call.restore_mask);
        kick.carry_out();
    }

    /// Goes back to the mask from before `sigsuspend` and its like.
    pub(crate) fn restore_saved_mask(&self) {
        let mut signals = self.process().signals().lock();
        let Some(saved) = signals
            .thread_mut(self.tid())
            .and_then(|thread| thread.saved_mask.take())
        else {
            return;
        };
        let kick = signals.set_mask(self.tid(), saved);
        drop(signals);
        kick.carry_out();
    }

    /// Sets a mask for the length of a call; what ran before comes back with the delivery of the signal that ends it.
    pub(crate) fn suspend_with_mask(&self, mask: SigSet) {
        let mut signals = self.process().signals().lock();
        if let Some(thread) = signals.thread_mut(self.tid()) {
            thread.saved_mask.get_or_insert(thread.mask);
        }
        let kick = signals.set_mask(self.tid(), mask);
        drop(signals);
        kick.carry_out();
    }

    /// Whether a wait must end: a handler has to run or the process ends. Stops happen inside, ignored signals vanish.
    pub async fn settle_signals(&self) -> bool {
        loop {
            match self.peek_step() {
                Step::Nothing => return false,
                Step::Handler(_) | Step::End => return true,
                Step::Stop(signal, continues) => self.enter_stop(signal, continues),
                Step::Stopped => self.sleep_while_stopped().await,
            }
        }
    }

    fn next_step(&self) -> Step {
        self.step(|signals, tid, info| {
            handler_call(signals, tid, info).map_or(Step::Nothing, Step::Handler)
        })
    }

    /// As [`next_step`](Self::next_step), but a signal with a handler stays pending.
    fn peek_step(&self) -> Step {
        if !self.cell().attention.any() {
            return Step::Nothing;
        }
        let signals = self.process().signals().lock();
        let tid = self.tid();
        let effects = signals.thread(tid).map(|thread| {
            thread
                .pending
                .set()
                .union(signals.shared.set())
                .difference(thread.mask)
        });
        let has_handler = effects.is_some_and(|ready| {
            ready
                .iter()
                .any(|signal| signals.actions.effect(signal) == Effect::Handler)
        });
        if has_handler && signals.ending.is_none() && signals.stopped.is_none() {
            // The call is not made here: the runtime asks for it after the call was interrupted.
            return Step::End;
        }
        drop(signals);
        self.next_step()
    }

    fn step(
        &self,
        handle: impl FnOnce(&mut ProcessSignals, cenote_base::Tid, SigInfo) -> Step,
    ) -> Step {
        if !self.cell().attention.any() {
            return Step::Nothing;
        }
        let mut signals = self.process().signals().lock();
        let tid = self.tid();
        let (step, kick) = loop {
            if signals.ending.is_some() {
                return Step::End;
            }
            if signals.stopped.is_some() {
                return Step::Stopped;
            }
            let Some(info) = take(&mut signals, tid) else {
                break (Step::Nothing, signals.refresh());
            };
            match signals.actions.effect(info.signo) {
                Effect::Nothing => {}
                Effect::Stop => {
                    break (Step::Stop(info.signo, signals.continues), signals.refresh());
                }
                Effect::Terminate { core } => {
                    break (
                        Step::End,
                        signals.end(WaitStatus::Signaled {
                            signal: info.signo,
                            core,
                        }),
                    );
                }
                Effect::Handler => {
                    let step = handle(&mut signals, tid, info);
                    break (step, signals.refresh());
                }
            }
        };
        drop(signals);
        kick.carry_out();
        step
    }

    /// Stops the process, unless it was continued since `continues` or nobody could continue it.
    fn enter_stop(&self, signal: SigNum, continues: u64) {
        // POSIX.1-2024, 2.4.3: in an orphaned group the terminal's stop signals do nothing.
        if signal != SigNum::SIGSTOP && self.kernel().table().is_in_orphaned_group(self.pid()) {
            return;
        }
        let mut signals = self.process().signals().lock();
        if signals.continues != continues || signals.ending.is_some() || signals.stopped.is_some() {
            return;
        }
        signals.stopped = Some(signal);
        signals.stop_report = Some(signal);
        signals.continue_report = false;
        let kick = signals.refresh();
        drop(signals);
        kick.carry_out();
        self.process().report_to_parent(CLD_STOPPED, signal);
    }

    async fn sleep_while_stopped(&self) {
        let waiter = Waiter::new();
        let _registration = self.cell().queue.register(waiter.clone());
        while self.process().is_stopped() {
            waiter.woken().await;
        }
    }
}

fn take(signals: &mut ProcessSignals, tid: cenote_base::Tid) -> Option<SigInfo> {
    let thread = signals.thread_mut(tid)?;
    let wanted = thread.mask.complement();
    // The thread's own come first, as in Linux's dequeue_signal.
    if let Some(info) = thread.pending.take(wanted) {
        return Some(info);
    }
    signals.shared.take(wanted)
}

fn handler_call(
    signals: &mut ProcessSignals,
    tid: cenote_base::Tid,
    info: SigInfo,
) -> Option<HandlerCall> {
    let action = signals.actions.of(info.signo);
    if action.flags.contains(SaFlags::SA_RESETHAND) {
        signals.actions.set(
            info.signo,
            SigAction {
                handler: SigHandler::Default,
                ..action
            },
        );
    }
    let thread = signals.thread_mut(tid)?;
    let restore_mask = thread.saved_mask.take().unwrap_or(thread.mask);
    let mut mask = thread.mask.union(action.mask);
    if !action.flags.contains(SaFlags::SA_NODEFER) {
        mask.insert(info.signo);
    }
    thread.mask = mask.difference(SigSet::UNBLOCKABLE);
    Some(HandlerCall {
        signal: info.signo,
        action,
        info,
        restore_mask,
    })
}
