//! What a process has used: getrusage(2).
//!
//! Runtimes report processor time ([`Usage::add_user_time`]), or lend a [`ProcessorMeter`] that is read when somebody asks;
//! children's use is added when they are waited for.
//!
//! Lock order: `Usage::meter` is held while it is cloned only.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cenote_abi::user::Rusage;
use parking_lot::Mutex;

/// What measures the processor time of a process while it runs.
pub trait ProcessorMeter: Send + Sync + Debug {
    /// Adds what was used since this was asked last. From any thread; takes no lock of the kernel's.
    fn settle(&self, usage: &Usage);
    /// `RLIMIT_CPU` of the process was changed.
    fn limit_changed(&self);
}

/// Counters of one process.
#[derive(Debug, Default)]
pub struct Usage {
    meter: Mutex<Option<Arc<dyn ProcessorMeter>>>,
    /// How many times the process was told that its processor time is used up.
    pub(super) warnings: AtomicU64,
    user_nanos: AtomicU64,
    system_nanos: AtomicU64,
    max_memory_bytes: AtomicU64,
    waits: AtomicU64,
    children: Mutex<Rusage>,
}

impl Usage {
    /// Adds time the program ran.
    pub fn add_user_time(&self, time: Duration) {
        self.user_nanos.fetch_add(
            u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    /// Adds time spent in calls on its behalf.
    pub fn add_system_time(&self, time: Duration) {
        self.system_nanos.fetch_add(
            u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    /// Says who measures from now on, or that nobody does.
    pub fn set_meter(&self, meter: Option<Arc<dyn ProcessorMeter>>) {
        let before = std::mem::replace(&mut *self.meter.lock(), meter);
        if let Some(before) = before {
            before.settle(self);
        }
    }

    fn meter(&self) -> Option<Arc<dyn ProcessorMeter>> {
        self.meter.lock().clone()
    }

    /// `RLIMIT_CPU` was changed: it is enforced anew.
    pub(crate) fn limit_changed(&self) {
        self.warnings.store(0, Ordering::Relaxed);
        if let Some(meter) = self.meter() {
            meter.limit_changed();
        }
    }

    pub(crate) fn note_memory(&self, bytes: u64) {
        self.max_memory_bytes.fetch_max(bytes, Ordering::Relaxed);
    }

    pub(crate) fn note_wait(&self) {
        self.waits.fetch_add(1, Ordering::Relaxed);
    }

    /// What the process itself has used.
    #[must_use]
    pub fn own(&self) -> Rusage {
        if let Some(meter) = self.meter() {
            meter.settle(self);
        }
        Rusage {
            user_time: Duration::from_nanos(self.user_nanos.load(Ordering::Relaxed)),
            system_time: Duration::from_nanos(self.system_nanos.load(Ordering::Relaxed)),
            max_rss_kib: self.max_memory_bytes.load(Ordering::Relaxed) / 1024,
            voluntary_switches: self.waits.load(Ordering::Relaxed),
            ..Rusage::default()
        }
    }

    /// What the children that were waited for have used, with theirs.
    #[must_use]
    pub fn children(&self) -> Rusage {
        *self.children.lock()
    }

    /// Adds a child that was waited for.
    pub(crate) fn add_child(&self, child: Rusage) {
        let mut children = self.children.lock();
        *children = sum(*children, child);
    }
}

/// Two usages together; the larger of the memory sizes.
#[must_use]
pub(crate) fn sum(a: Rusage, b: Rusage) -> Rusage {
    Rusage {
        user_time: a.user_time.saturating_add(b.user_time),
        system_time: a.system_time.saturating_add(b.system_time),
        max_rss_kib: a.max_rss_kib.max(b.max_rss_kib),
        minor_faults: a.minor_faults.saturating_add(b.minor_faults),
        major_faults: a.major_faults.saturating_add(b.major_faults),
        blocks_in: a.blocks_in.saturating_add(b.blocks_in),
        blocks_out: a.blocks_out.saturating_add(b.blocks_out),
        voluntary_switches: a.voluntary_switches.saturating_add(b.voluntary_switches),
        involuntary_switches: a
            .involuntary_switches
            .saturating_add(b.involuntary_switches),
    }
}
