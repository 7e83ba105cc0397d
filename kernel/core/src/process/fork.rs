//! Making processes: the copy of a process that fork(2) makes, and the first of its kind for the embedder.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cenote_abi::limits::Resource as RlimitResource;
use cenote_abi::{Errno, SigSet};
use cenote_base::limits::{RLimits, Resource};
use cenote_base::{Credentials, Pgid, Pid, Sid, SysError, SysResult, Tid};
use parking_lot::{Mutex, RwLock};

use super::affinity::Affinity;
use super::session::Session;
use super::table::Node;
use super::{ExitCell, FsContext, Process, ProgramInfo, Task, Usage};
use crate::fd::FdTable;
use crate::kernel::Kernel;
use crate::signal::ProcessSignals;
use crate::signal::state::ThreadSignals;
use crate::timer::ProcessTimers;
use cenote_base::WaitQueue;

/// What a new process starts with.
pub(crate) struct Seed {
    pub(crate) parent: Pid,
    pub(crate) files: FdTable,
    pub(crate) fs: FsContext,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) rlimits: RLimits,
    pub(crate) program: ProgramInfo,
    pub(crate) signals: ProcessSignals,
    pub(crate) thread: ThreadSeed,
    pub(crate) nice: i32,
    pub(crate) affinity: Option<Affinity>,
    pub(crate) no_new_privs: bool,
    /// `None`: the parent's; otherwise a session of its own.
    pub(crate) own_session: bool,
    pub(crate) own_group: bool,
}

/// What a new thread starts with.
#[derive(Clone, Copy, Default)]
pub(crate) struct ThreadSeed {
    pub(crate) mask: SigSet,
    pub(crate) alt_stack: crate::signal::AltStack,
}

/// Copies the calling process; the child has one thread, a copy of the caller's.
///
/// # Errors
/// `EAGAIN`: the machine or the user has all the processes allowed. `EINTR`: the caller must end.
pub(crate) fn fork(task: &Task) -> SysResult<Arc<Task>> {
    // A group that is being killed does not grow while it dies.
    if task.must_end() {
        return Err(SysError::interrupted_for_good());
    }
    let parent = task.process();
    let (signals, thread) = {
        let signals = parent.signals().lock();
        let own = signals.thread(task.tid());
        let thread = ThreadSeed {
            mask: own.map_or(SigSet::EMPTY, |own| own.mask),
            alt_stack: own.map(|own| own.alt_stack).unwrap_or_default(),
        };
        (
            ProcessSignals {
                actions: signals.actions.clone(),
                ..ProcessSignals::default()
            },
            thread,
        )
    };
    let seed = Seed {
        parent: parent.pid(),
        files: parent.files().copy(),
        fs: parent.fs().lock().clone(),
        credentials: parent.credentials(),
        rlimits: parent.rlimits().lock().clone(),
        program: parent.program(),
        signals,
        thread,
        nice: parent.nice().load(Ordering::Relaxed),
        affinity: *parent.affinity().lock(),
        no_new_privs: parent.no_new_privs().load(Ordering::Relaxed),
        own_session: false,
        own_group: false,
    };
    create(task.kernel(), seed)
}

/// Makes a process and its first thread; it is in the table from here on.
///
/// # Errors
/// As [`fork`].
pub(crate) fn create(kernel: &Arc<Kernel>, seed: Seed) -> SysResult<Arc<Task>> {
    let charge = kernel.budget().charge(Resource::Processes, 1)?;
    let allowed = seed.rlimits.of(RlimitResource::Processes).soft;
    let mut tree = kernel.table().lock();
    if !seed.credentials.is_privileged() {
        let own = tree
            .nodes()
            .filter(|node| node.process.credentials().uid == seed.credentials.uid)
            .count();
        if u64::try_from(own).unwrap_or(u64::MAX) >= allowed {
            return Err(SysError::with_note(
                Errno::EAGAIN,
                "RLIMIT_NPROC is reached",
            ));
        }
    }
    let pid = Pid::new(tree.next_id()?);
    let Some((group, session)) = tree
        .node(seed.parent)
        .map(|node| (node.pgid, Arc::clone(&node.session)))
    else {
        return Err(SysError::with_note(
            Errno::EAGAIN,
            "the machine was shut down",
        ));
    };
    let session = if seed.own_session {
        Session::new(Sid::new(pid.raw()))
    } else {
        session
    };
    let group = if seed.own_session || seed.own_group {
        Pgid::new(pid.raw())
    } else {
        group
    };
    let mut signals = seed.signals;
    let mut thread = ThreadSignals::new(pid.main_thread(), seed.thread.mask);
    thread.alt_stack = seed.thread.alt_stack;
    let cell = Arc::clone(&thread.cell);
    signals.threads.push(thread);
    let process = Arc::new(Process {
        pid,
        kernel: Arc::downgrade(kernel),
        started: kernel.clock().now(),
        files: seed.files,
        fs: Mutex::new(seed.fs),
        credentials: RwLock::new(seed.credentials),
        rlimits: Mutex::new(seed.rlimits),
        program: RwLock::new(seed.program),
        signals: Mutex::new(signals),
        signal_events: Arc::default(),
        child_queue: WaitQueue::new(),
        exit: Arc::new(ExitCell::default()),
        usage: Usage::default(),
        timers: ProcessTimers::default(),
        nice: seed.nice.into(),
        affinity: Mutex::new(seed.affinity),
        no_new_privs: seed.no_new_privs.into(),
        parent_death_signal: 0.into(),
        memory_bytes: 0.into(),
        sleepers: 0.into(),
    });
    tree.insert(Node {
        process: Arc::clone(&process),
        parent: seed.parent,
        children: Vec::new(),
        pgid: group,
        session,
        zombie: None,
        has_executed: false,
        is_subreaper: false,
        charge: Some(charge),
    });
    drop(tree);
    Ok(Task::new(
        Arc::clone(kernel),
        process,
        pid.main_thread(),
        cell,
    ))
}

/// Adds a thread to the caller's process (`clone` with `CLONE_THREAD`); it starts with the caller's mask.
///
/// # Errors
/// `EAGAIN`: no id is free, or the process has too many threads.
pub(crate) fn add_thread(task: &Task) -> SysResult<Arc<Task>> {
    const MAX_THREADS: usize = 256;
    let process = task.process();
    let tid: Tid = task.kernel().table().reserve_thread(process.pid())?;
    let mut signals = process.signals().lock();
    if signals.ending.is_some() || signals.threads.len() >= MAX_THREADS {
        drop(signals);
        task.kernel().table().release_thread(tid);
        return Err(SysError::with_note(Errno::EAGAIN, "too many threads"));
    }
    let mask = signals
        .thread(task.tid())
        .map_or(SigSet::EMPTY, |own| own.mask);
    let thread = ThreadSignals::new(tid, mask);
    let cell = Arc::clone(&thread.cell);
    signals.threads.push(thread);
    let kick = signals.refresh();
    drop(signals);
    kick.carry_out();
    Ok(Task::new(
        Arc::clone(task.kernel()),
        Arc::clone(process),
        tid,
        cell,
    ))
}

/// Process 1: it has no program and no threads, adopts orphans and buries them.
pub(crate) fn create_init(
    kernel: &std::sync::Weak<Kernel>,
    started: cenote_base::MonoTime,
    fs: FsContext,
) -> Node {
    let pid = Pid::INIT;
    let program = ProgramInfo {
        argv: Arc::new(vec![b"init".to_vec()]),
        comm: b"init".to_vec(),
        ..ProgramInfo::default()
    };
    let process = Arc::new(Process {
        pid,
        kernel: std::sync::Weak::clone(kernel),
        started,
        files: FdTable::default(),
        fs: Mutex::new(fs),
        credentials: RwLock::new(Arc::new(Credentials::root())),
        rlimits: Mutex::new(RLimits::initial(0)),
        program: RwLock::new(program),
        signals: Mutex::new(ProcessSignals::default()),
        signal_events: Arc::default(),
        child_queue: WaitQueue::new(),
        exit: Arc::new(ExitCell::default()),
        usage: Usage::default(),
        timers: ProcessTimers::default(),
        nice: 0.into(),
        affinity: Mutex::default(),
        no_new_privs: false.into(),
        parent_death_signal: 0.into(),
        memory_bytes: 0.into(),
        sleepers: 0.into(),
    });
    Node {
        process,
        parent: Pid::new(0),
        children: Vec::new(),
        pgid: Pgid::new(pid.raw()),
        session: Session::new(Sid::new(pid.raw())),
        zombie: None,
        has_executed: true,
        is_subreaper: false,
        charge: None,
    }
}
