//! Signals to read: [`SignalFd`]. See signalfd(2).
//!
//! Differs: it reads the signals of the process that made it, where Linux reads those of the process that reads.

use std::any::Any;
use std::sync::{Arc, Weak};

use cenote_abi::fs::Stat;
use cenote_abi::poll::PollEvents;
use cenote_abi::signal::SigInfo;
use cenote_abi::{Errno, SigSet};
use cenote_base::{SysResult, Tid, WaitQueue};
use cenote_vfs::File;
use parking_lot::Mutex;

use crate::process::Process;

/// The size of a `signalfd_siginfo`.
const RECORD: usize = 128;

/// Signals behind a descriptor.
#[derive(Debug)]
pub(crate) struct SignalFd {
    process: Weak<Process>,
    tid: Tid,
    set: Mutex<SigSet>,
    /// Kept here so that it outlives the process.
    queue: Arc<WaitQueue>,
}

impl SignalFd {
    pub(crate) fn new(process: &Arc<Process>, tid: Tid, set: SigSet) -> Self {
        Self {
            process: Arc::downgrade(process),
            tid,
            set: Mutex::new(set.difference(SigSet::UNBLOCKABLE)),
            queue: Arc::clone(process.signal_events()),
        }
    }

    pub(crate) fn set_signals(&self, set: SigSet) {
        *self.set.lock() = set.difference(SigSet::UNBLOCKABLE);
        self.queue.wake_all();
    }

    fn take(&self) -> Option<SigInfo> {
        let set = *self.set.lock();
        let process = self.process.upgrade()?;
        let mut signals = process.signals().lock();
        let own = signals
            .thread_mut(self.tid)
            .and_then(|thread| thread.pending.take(set));
        let taken = own.or_else(|| signals.shared.take(set));
        if taken.is_some() {
            // Fewer are pending: nobody has to be told.
            drop(signals.refresh());
        }
        taken
    }
}

impl File for SignalFd {
    fn read(&self, _at: u64, buf: &mut [u8]) -> SysResult<usize> {
        if buf.len() < RECORD {
            return Err(Errno::EINVAL.into());
        }
        let mut len = 0;
        for record in buf.chunks_exact_mut(RECORD) {
            let Some(info) = self.take() else { break };
            encode(&info, record);
            len += RECORD;
        }
        if len == 0 {
            Err(Errno::EAGAIN.into())
        } else {
            Ok(len)
        }
    }

    fn poll(&self) -> PollEvents {
        let set = *self.set.lock();
        let Some(process) = self.process.upgrade() else {
            return PollEvents::empty();
        };
        let signals = process.signals().lock();
        let own = signals
            .thread(self.tid)
            .map_or(SigSet::EMPTY, |thread| thread.pending.set());
        if own.union(signals.shared.set()).intersection(set).is_empty() {
            PollEvents::empty()
        } else {
            PollEvents::READABLE
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn stat(&self) -> SysResult<Option<Stat>> {
        Ok(Some(crate::anonymous::event_stat()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Lays a signal out as `struct signalfd_siginfo`, whose layout is the same everywhere.
fn encode(info: &SigInfo, record: &mut [u8]) {
    record.fill(0);
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(target) = record.get_mut(at..at + bytes.len()) {
            target.copy_from_slice(bytes);
        }
    };
    put(0, &info.signo.raw().to_ne_bytes());
    put(4, &info.errno.to_ne_bytes());
    put(8, &info.code.to_ne_bytes());
    put(12, &info.pid.to_ne_bytes());
    put(16, &info.uid.to_ne_bytes());
    put(20, &info.fd.to_ne_bytes());
    put(24, &info.timer_id.to_ne_bytes());
    put(32, &info.overrun.to_ne_bytes());
    put(40, &info.status.to_ne_bytes());
    put(44, &info.value.to_ne_bytes()[..4]);
    put(48, &info.value.to_ne_bytes());
    put(56, &info.utime.to_ne_bytes());
    put(64, &info.stime.to_ne_bytes());
    put(72, &info.address.to_ne_bytes());
}
