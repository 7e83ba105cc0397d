//! Processes and their tasks: who they are, where they stand in the tree, how they begin and end.
//!
//! [`Process`] is what threads share; [`Task`] one thread, the first argument of every call; `table` the tree
//! of parents, groups and sessions.
//!
//! Lock order: the tree's lock, then one process's `signals`. All other locks of a process are leaves.

pub(crate) mod affinity;
pub(crate) mod exec;
pub(crate) mod exit;
pub(crate) mod fork;
pub mod info;
pub(crate) mod job_control;
mod processor_limit;
pub(crate) mod session;
pub mod spawn;
pub(crate) mod table;
pub mod task;
pub mod usage;
pub(crate) mod wait;

pub use processor_limit::CPU_TIME;

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use cenote_abi::wait::WaitStatus;
use cenote_base::limits::RLimits;
use cenote_base::{Credentials, MonoTime, Pid, WaitQueue};
use cenote_vfs::Location;
use parking_lot::{Mutex, RwLock};

use self::affinity::Affinity;
use crate::fd::FdTable;
use crate::kernel::Kernel;
use crate::signal::ProcessSignals;
use crate::timer::ProcessTimers;

pub use info::{ProcessInfo, ProcessState};
pub use spawn::{ChildHandle, FileAction, Spawn, SpawnRequest};
pub use task::{Interrupter, Task};
pub use usage::{ProcessorMeter, Usage};

/// Where a process stands in the tree of files.
#[derive(Clone, Debug)]
pub(crate) struct FsContext {
    pub(crate) root: Location,
    pub(crate) cwd: Location,
    pub(crate) umask: u32,
}

/// What the last exec brought: program, arguments, environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProgramInfo {
    pub(crate) argv: Arc<Vec<Vec<u8>>>,
    pub(crate) envp: Arc<Vec<Vec<u8>>>,
    pub(crate) exe_path: Arc<[u8]>,
    /// The name `ps` shows, at most 15 bytes.
    pub(crate) comm: Vec<u8>,
}

/// How a process ended, for the embedder.
#[derive(Debug, Default)]
pub(crate) struct ExitCell {
    status: OnceLock<WaitStatus>,
    queue: WaitQueue,
}

/// A process: what its threads share.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    kernel: Weak<Kernel>,
    started: MonoTime,
    files: FdTable,
    fs: Mutex<FsContext>,
    credentials: RwLock<Arc<Credentials>>,
    rlimits: Mutex<RLimits>,
    program: RwLock<ProgramInfo>,
    signals: Mutex<ProcessSignals>,
    signal_events: Arc<WaitQueue>,
    child_queue: WaitQueue,
    exit: Arc<ExitCell>,
    usage: Usage,
    timers: ProcessTimers,
    nice: AtomicI32,
    /// `None`: every processor.
    affinity: Mutex<Option<Affinity>>,
    no_new_privs: AtomicBool,
    parent_death_signal: AtomicI32,
    memory_bytes: AtomicU64,
    /// How many of its threads wait in a call.
    sleepers: AtomicUsize,
}

impl Process {
    /// Its id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// When it began.
    #[must_use]
    pub fn started(&self) -> MonoTime {
        self.started
    }

    pub(crate) fn kernel(&self) -> Option<Arc<Kernel>> {
        self.kernel.upgrade()
    }

    /// Its open files.
    #[must_use]
    pub fn files(&self) -> &FdTable {
        &self.files
    }

    /// Who it is.
    #[must_use]
    pub fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(&self.credentials.read())
    }

    pub(crate) fn set_credentials(&self, credentials: Credentials) {
        *self.credentials.write() = Arc::new(credentials);
    }

    /// Its working directory, as a path in the machine.
    #[must_use]
    pub fn working_directory(&self) -> Vec<u8> {
        let fs = self.fs().lock().clone();
        fs.cwd.path_from(&fs.root)
    }

    pub(crate) fn fs(&self) -> &Mutex<FsContext> {
        &self.fs
    }

    /// Its limits.
    pub fn rlimits(&self) -> &Mutex<RLimits> {
        &self.rlimits
    }

    pub(crate) fn program(&self) -> ProgramInfo {
        self.program.read().clone()
    }

    pub(crate) fn set_program(&self, program: ProgramInfo) {
        *self.program.write() = program;
    }

    /// Changes the name `ps` shows; 15 bytes of it are kept.
    pub fn set_comm(&self, name: &[u8]) {
        self.program.write().comm = info::shorten_comm(name);
    }

    /// Writes `title`, up to its first NUL, over the arguments that `ps` shows and makes it the short name, as a program on Linux does that writes over its own
    /// arguments: no more than were there, and zeros where they were longer. Answers how much of it fits.
    pub fn overwrite_arguments(&self, title: &[u8]) -> usize {
        let title = title.split(|byte| *byte == 0).next().unwrap_or_default();
        let mut program = self.program.write();
        program.comm = info::shorten_comm(title);
        let room: usize = program.argv.iter().map(|argument| argument.len() + 1).sum();
        let Some(room) = room.checked_sub(1) else {
            return 0;
        };
        let mut written = title.to_vec();
        written.resize(room, 0);
        program.argv = Arc::new(vec![written]);
        title.len().min(room)
    }

    pub(crate) fn signals(&self) -> &Mutex<ProcessSignals> {
        &self.signals
    }

    /// Woken whenever a signal was sent to the process, blocked or not.
    pub fn signal_events(&self) -> &Arc<WaitQueue> {
        &self.signal_events
    }

    /// Woken whenever a child changed state.
    pub fn child_queue(&self) -> &WaitQueue {
        &self.child_queue
    }

    /// What it has used.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    pub(crate) fn timers(&self) -> &ProcessTimers {
        &self.timers
    }

    pub(crate) fn affinity(&self) -> &Mutex<Option<Affinity>> {
        &self.affinity
    }

    pub(crate) fn nice(&self) -> &AtomicI32 {
        &self.nice
    }

    pub(crate) fn no_new_privs(&self) -> &AtomicBool {
        &self.no_new_privs
    }

    pub(crate) fn parent_death_signal(&self) -> &AtomicI32 {
        &self.parent_death_signal
    }

    /// How much memory its program holds; set by the runtime for `ps`.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// Notes how much memory the program holds.
    pub fn set_memory_bytes(&self, bytes: u64) {
        self.memory_bytes.store(bytes, Ordering::Relaxed);
        self.usage.note_memory(bytes);
    }

    /// Notes that a thread waits, until the guard is dropped: `ps` tells a process whose threads all do as sleeping. For runtimes that keep a
    /// thread waiting for something else than a call.
    pub fn sleep(&self) -> Sleeping<'_> {
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        Sleeping(self)
    }

    /// Whether every thread waits in a call.
    pub(crate) fn is_asleep(&self) -> bool {
        let threads = self.signals.lock().threads.len();
        self.sleepers.load(Ordering::Relaxed) >= threads
    }

    /// Whether a signal stopped it.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.signals.lock().stopped.is_some()
    }
}

/// While it lives, a thread of a process waits.
#[derive(Debug)]
#[must_use]
pub struct Sleeping<'a>(&'a Process);

impl Drop for Sleeping<'_> {
    fn drop(&mut self) {
        self.0.sleepers.fetch_sub(1, Ordering::Relaxed);
    }
}
