//! [`Meter`]: the processor time of a process's threads, read by whoever asks.
//!
//! Lock order: `Meter::threads` is a leaf.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use cenote_kernel::{Process, ProcessorMeter, Task, Usage};

use super::watch;
use crate::glue::ThreadClock;

/// A thread that works for the process.
#[derive(Debug)]
struct Entry {
    clock: ThreadClock,
    /// Up to which time of its clock the process was told.
    counted: Duration,
}

impl Entry {
    /// What the thread used since it was asked last.
    fn settle(&mut self) -> Duration {
        let now = self.clock.time().unwrap_or(self.counted);
        let used = now.saturating_sub(self.counted);
        self.counted = self.counted.max(now);
        used
    }
}

#[derive(Debug, Default)]
struct Threads {
    entries: Vec<(u64, Entry)>,
    next: u64,
}

/// Counts what the threads of a process use of the processor.
#[derive(Debug)]
pub(crate) struct Meter {
    process: Weak<Process>,
    threads: Mutex<Threads>,
    own: Weak<Self>,
}

impl Meter {
    /// The meter of the task's process. Until [`stop`](Self::stop) the kernel asks it, and the process's limit is enforced.
    pub(crate) fn start(task: &Task) -> Arc<Self> {
        let process = task.process();
        let meter = Arc::new_cyclic(|own| Self {
            process: Arc::downgrade(process),
            threads: Mutex::default(),
            own: Weak::clone(own),
        });
        process
            .usage()
            .set_meter(Some(Arc::clone(&meter) as Arc<dyn ProcessorMeter>));
        if process.enforce_processor_limit().is_some() {
            watch::add(&meter);
        }
        meter
    }

    /// No thread of the program runs any more.
    pub(crate) fn stop(task: &Task) {
        task.process().usage().set_meter(None);
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the calling thread, from now until the answer is dropped (on that thread).
    pub(crate) fn measure(self: &Arc<Self>) -> Option<Measured> {
        let clock = ThreadClock::of_this_thread()?;
        let started = clock.time()?;
        let mut threads = self.threads();
        let number = threads.next;
        threads.next += 1;
        threads.entries.push((
            number,
            Entry {
                clock,
                counted: started,
            },
        ));
        drop(threads);
        Some(Measured {
            meter: Arc::clone(self),
            number,
            clock,
            started,
            _on_its_thread: std::marker::PhantomData,
        })
    }

    /// Enforces the process's limit. How soon to look again; `None` when there is no limit, or no process any more.
    pub(super) fn enforce(&self) -> Option<Duration> {
        let process = self.process.upgrade()?;
        let left = process.enforce_processor_limit()?;
        let threads = self.threads().entries.len();
        Some(left / u32::try_from(threads.max(1)).unwrap_or(u32::MAX))
    }
}

impl ProcessorMeter for Meter {
    fn settle(&self, usage: &Usage) {
        let mut threads = self.threads();
        let used = threads
            .entries
            .iter_mut()
            .map(|(_, entry)| entry.settle())
            .sum();
        usage.add_user_time(used);
    }

    fn limit_changed(&self) {
        if let Some(meter) = self.own.upgrade() {
            watch::add(&meter);
        }
    }
}

/// While it lives, its thread's work is counted.
#[derive(Debug)]
#[must_use = "the thread is counted until this is dropped"]
pub(crate) struct Measured {
    meter: Arc<Meter>,
    number: u64,
    clock: ThreadClock,
    started: Duration,
    /// The clock of a thread that is gone may become another's.
    _on_its_thread: std::marker::PhantomData<*const ()>,
}

impl Measured {
    /// What the thread has used of the processor for its process.
    pub(crate) fn time(&self) -> Duration {
        self.clock
            .time()
            .unwrap_or_default()
            .saturating_sub(self.started)
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let mut threads = self.meter.threads();
        let place = threads
            .entries
            .iter()
            .position(|(number, _)| *number == self.number);
        let Some(place) = place else { return };
        let (_, mut entry) = threads.entries.swap_remove(place);
        if let Some(process) = self.meter.process.upgrade() {
            process.usage().add_user_time(entry.settle());
        }
    }
}
