//! [`ThreadGroup`]: what the threads of one node process share: the main one and its `Worker`s, an isolate each.
//!
//! Nothing here belongs to an isolate. The locks are leaves: no JavaScript runs, and nothing is dropped that could come back,
//! while one is held.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use crate::bindings::messaging::channel::{PortData, SiblingGroup};
use crate::glue::Quota;
use crate::isolate::HeapLimits;
use crate::processor::Meter;
use crate::training::Notes;

/// How many numbers `resourceLimits` has.
pub(crate) const LIMITS: usize = 4;

/// Which thread of its process an isolate is.
#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) group: Arc<ThreadGroup>,
    pub(crate) id: u64,
    pub(crate) name: String,
    /// The file of a worker's program; empty for code that was given.
    pub(crate) url: String,
    pub(crate) is_main: bool,
    /// It runs a part of Node's library (the loader's hooks) and not the program's.
    pub(crate) is_internal: bool,
    /// Whether descriptors that its program opens are closed with it.
    pub(crate) tracks_unmanaged_fds: bool,
    /// `resourceLimits` of a worker.
    pub(crate) limits: [f64; LIMITS],
}

impl Thread {
    /// The first thread of a process.
    pub(crate) fn main(group: Arc<ThreadGroup>) -> Self {
        Self {
            group,
            id: 0,
            name: "main".into(),
            url: String::new(),
            is_main: true,
            is_internal: false,
            tracks_unmanaged_fds: false,
            limits: [0.0; LIMITS],
        }
    }
}

/// How often the list of ports is swept, at least: after this many new ones.
const SWEEP: usize = 64;

/// The shared part of a process.
#[derive(Debug)]
pub(crate) struct ThreadGroup {
    /// Limits of each isolate.
    pub(crate) limits: HeapLimits,
    /// Array buffers and messages of all isolates together.
    pub(crate) quota: Arc<Quota>,
    next_thread: AtomicU64,
    /// When the process began: microseconds since 1970, and nanoseconds on the machine's clock.
    pub(crate) time_origin: OnceLock<(f64, f64)>,
    /// Web locks.
    pub(crate) locks: crate::bindings::locks::manager::LockManager,
    /// How many profiles and reports were written.
    pub(crate) diagnostic_files: crate::diagnostic_file::FileCounter,
    /// The workers, for debuggers.
    pub(crate) inspected_workers: crate::inspector::InspectedWorkers,
    /// SIGUSR1 is for the inspector.
    pub(crate) debug_signal: std::sync::atomic::AtomicBool,
    /// `--allow-natives-syntax` was given while the program ran.
    pub(crate) natives_syntax: std::sync::atomic::AtomicBool,
    /// The way to the main thread's inspector.
    pub(crate) main_mailbox: OnceLock<Arc<crate::inspector::Mailbox>>,
    /// What counts the threads' use of the processor, from the process's start.
    pub(crate) meter: OnceLock<Arc<Meter>>,
    /// What the threads share of their tracing.
    pub(crate) trace: crate::trace::SharedTrace,
    /// Who takes the code caches of what its isolates compile, if this is a lesson.
    pub(crate) notes: OnceLock<Arc<Notes>>,
    channels: Mutex<HashMap<String, Weak<SiblingGroup>>>,
    ports: Mutex<Ports>,
}

#[derive(Debug, Default)]
struct Ports {
    list: Vec<Weak<PortData>>,
    sweep_at: usize,
}

impl ThreadGroup {
    /// The state of a new process.
    pub(crate) fn new(limits: HeapLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            quota: Quota::new(limits.array_buffers),
            next_thread: AtomicU64::new(1),
            time_origin: OnceLock::new(),
            locks: crate::bindings::locks::manager::LockManager::default(),
            diagnostic_files: crate::diagnostic_file::FileCounter::default(),
            inspected_workers: crate::inspector::InspectedWorkers::default(),
            debug_signal: std::sync::atomic::AtomicBool::new(false),
            natives_syntax: std::sync::atomic::AtomicBool::new(false),
            main_mailbox: OnceLock::new(),
            meter: OnceLock::new(),
            trace: crate::trace::SharedTrace::default(),
            notes: OnceLock::new(),
            channels: Mutex::default(),
            ports: Mutex::default(),
        })
    }

    /// The id of another thread; the main one's is 0.
    pub(crate) fn next_thread_id(&self) -> u64 {
        self.next_thread.fetch_add(1, Ordering::Relaxed)
    }

    /// The ports of a `BroadcastChannel`'s name.
    pub(crate) fn channel(&self, name: &str) -> Arc<SiblingGroup> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = channels.get(name).and_then(Weak::upgrade) {
            return known;
        }
        channels.retain(|_, group| group.strong_count() > 0);
        let group = SiblingGroup::named();
        channels.insert(name.to_owned(), Arc::downgrade(&group));
        group
    }

    /// Remembers a port, for [`close_ports`](Self::close_ports).
    pub(crate) fn add_port(&self, port: &Arc<PortData>) {
        let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        if ports.list.len() >= ports.sweep_at {
            ports.list.retain(|port| port.strong_count() > 0);
            ports.sweep_at = ports.list.len() * 2 + SWEEP;
        }
        ports.list.push(Arc::downgrade(port));
    }

    /// Throws away all messages at the end of the process: ports may lie in each other's queues, in a circle.
    pub(crate) fn close_ports(&self) {
        let ports = {
            let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut ports.list)
        };
        for port in ports.iter().filter_map(Weak::upgrade) {
            port.clear();
        }
    }
}
