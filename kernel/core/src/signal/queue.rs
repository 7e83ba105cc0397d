//! Pending signals: one of each standard signal, any number (bounded) of each real-time signal, in order.

use std::collections::VecDeque;

use cenote_abi::signal::{SI_TIMER, SigInfo};
use cenote_abi::{Errno, SigNum, SigSet};
use cenote_base::SysResult;

/// How many signals may wait in one queue: what `RLIMIT_SIGPENDING` bounds on Linux. A storm stops here.
const MAX_PENDING: usize = 1024;

/// Signals sent and not yet taken.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    set: SigSet,
    queue: VecDeque<SigInfo>,
}

impl Pending {
    pub(crate) fn set(&self) -> SigSet {
        self.set
    }

    /// Adds a signal. A standard signal that is pending already is not added again.
    ///
    /// # Errors
    /// `EAGAIN`: too many real-time signals are waiting.
    pub(crate) fn push(&mut self, info: SigInfo) -> SysResult {
        if self.set.contains(info.signo) && !info.signo.is_realtime() {
            return Ok(());
        }
        if info.signo.is_realtime() && self.queue.len() >= MAX_PENDING {
            return Err(Errno::EAGAIN.into());
        }
        self.set.insert(info.signo);
        self.queue.push_back(info);
        Ok(())
    }

    /// Takes the oldest of the lowest-numbered signals in `wanted`.
    pub(crate) fn take(&mut self, wanted: SigSet) -> Option<SigInfo> {
        // Linux: next_signal takes faults first, so that a handler's context shows where they happened.
        let synchronous: SigSet = [
            SigNum::SIGSEGV,
            SigNum::SIGBUS,
            SigNum::SIGILL,
            SigNum::SIGTRAP,
            SigNum::SIGFPE,
            SigNum::SIGSYS,
        ]
        .into_iter()
        .collect();
        let ready = self.set.intersection(wanted);
        let signal = ready
            .intersection(synchronous)
            .first()
            .or_else(|| ready.first())?;
        let index = self.queue.iter().position(|info| info.signo == signal)?;
        let info = self.queue.remove(index)?;
        if !signal.is_realtime() || !self.queue.iter().any(|info| info.signo == signal) {
            self.set.remove(signal);
        }
        Some(info)
    }

    /// Whether the signal of this timer is among them.
    pub(crate) fn has_timer(&self, id: i32) -> bool {
        self.queue
            .iter()
            .any(|info| info.code == SI_TIMER && info.timer_id == id)
    }

    /// Throws the signals of `set` away.
    pub(crate) fn discard(&mut self, set: SigSet) {
        if self.set.intersection(set).is_empty() {
            return;
        }
        self.set = self.set.difference(set);
        self.queue.retain(|info| !set.contains(info.signo));
    }
}

#[cfg(test)]
mod tests {
    use cenote_abi::signal::{SI_QUEUE, SI_USER};

    use super::*;

    fn queued(signal: SigNum, value: u64) -> SigInfo {
        let mut info = SigInfo::new(signal, SI_QUEUE);
        info.value = value;
        info
    }

    #[test]
    fn standard_signal_is_pending_once_and_realtime_signals_queue_in_order() {
        let mut pending = Pending::default();
        for value in 0..3 {
            pending.push(queued(SigNum::SIGRTMIN, value)).unwrap();
            pending.push(queued(SigNum::SIGUSR1, value)).unwrap();
        }
        let mut taken = Vec::new();
        while let Some(info) = pending.take(SigSet::ALL) {
            taken.push((info.signo, info.value));
        }
        assert_eq!(
            taken,
            [
                (SigNum::SIGUSR1, 0),
                (SigNum::SIGRTMIN, 0),
                (SigNum::SIGRTMIN, 1),
                (SigNum::SIGRTMIN, 2)
            ]
        );
        assert!(pending.set().is_empty());
    }

    #[test]
    fn storm_of_realtime_signals_is_bounded() {
        let mut pending = Pending::default();
        for _ in 0..MAX_PENDING {
            pending
                .push(SigInfo::new(SigNum::SIGRTMAX, SI_USER))
                .unwrap();
        }
        assert_eq!(
            pending
                .push(SigInfo::new(SigNum::SIGRTMAX, SI_USER))
                .unwrap_err()
                .errno(),
            Errno::EAGAIN
        );
        pending
            .push(SigInfo::new(SigNum::SIGTERM, SI_USER))
            .unwrap();
        assert_eq!(pending.take(SigSet::ALL).unwrap().signo, SigNum::SIGTERM);
    }
}
