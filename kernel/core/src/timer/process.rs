//! The timers of one process: `ITIMER_REAL` and those of `timer_create(2)`.
//!
//! Not kept across fork; kept across exec but for POSIX timers, as on Linux.
//! Differs: `ITIMER_VIRTUAL`, `ITIMER_PROF` and processor-time clocks are not there: programs run outside the kernel.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicI32;
use std::sync::{Arc, OnceLock};

use cenote_abi::clock::ClockId;
use parking_lot::Mutex;

use super::Alarm;

/// How many POSIX timers a process may have.
pub(crate) const MAX_TIMERS: usize = 128;

/// A POSIX timer.
#[derive(Debug)]
pub(crate) struct PosixTimer {
    pub(crate) alarm: Alarm,
    pub(crate) clock: ClockId,
    pub(crate) overruns: Arc<Overruns>,
}

/// Expirations that found the signal of an earlier one still pending.
#[derive(Debug, Default)]
pub(crate) struct Overruns {
    /// Of the signal that was sent last.
    pub(crate) current: AtomicI32,
    /// Of the one before: what a caller asks for who took that one, when the next is pending already.
    pub(crate) before: AtomicI32,
}

/// The timers of a process.
#[derive(Debug, Default)]
pub(crate) struct ProcessTimers {
    /// `ITIMER_REAL`, once it was set.
    pub(crate) real: OnceLock<Alarm>,
    pub(crate) posix: Mutex<PosixTimers>,
}

#[derive(Debug, Default)]
pub(crate) struct PosixTimers {
    pub(crate) by_id: BTreeMap<i32, Arc<PosixTimer>>,
    pub(crate) next_id: i32,
}

impl ProcessTimers {
    /// Stops and forgets everything: the process ends.
    pub(crate) fn disarm_all(&self) {
        if let Some(alarm) = self.real.get() {
            alarm.set(super::AlarmSetting::default());
        }
        self.delete_posix();
    }

    /// Deletes the POSIX timers: exec.
    pub(crate) fn delete_posix(&self) {
        let timers = std::mem::take(&mut self.posix.lock().by_id);
        drop(timers);
    }
}
