//! One machine: [`Kernel`], made of [`KernelOptions`].
//!
//! Nothing global: two kernels in one OS process share nothing. The kernel names no runtime and has no executor; both
//! are given ([`Runtime`], [`Spawner`]).

use std::num::NonZeroU32;
use std::sync::Arc;

use cenote_abi::fs::FileType;
use cenote_abi::limits::{RLimit, Resource};
use cenote_abi::{Errno, SigNum};
use cenote_base::limits::{Budget, Limits, RLimits};
use cenote_base::policy::{FileOperation, Policy, Request, Verdict};
use cenote_base::{Clock, Pid, Sid, SysError, SysResult, WaitQueue, Waiter};
use cenote_net::{Network, Outward, Sockets};
use cenote_vfs::fs::Tmpfs;
use cenote_vfs::{FileSystem, Location, MountFlags, Namespace, OpenFile};
use parking_lot::{Mutex, RwLock};

use crate::event::epoll::EpollNesting;
use crate::event::inotify::Instances;
use crate::loader::Runtime;
use crate::pipe::{self, fifo::FifoOpener};
use crate::process::spawn::spawn_first;
use crate::process::table::{Node, ProcessTable};
use crate::process::{ChildHandle, FsContext, Process, ProcessInfo, SpawnRequest, fork};
use crate::refusals::Refusals;
use crate::signal::send::send_kernel;
use crate::system::System;
use crate::timer::Spawner;
use crate::tty::PtyTable;

/// What a machine is made of.
#[derive(Debug)]
pub struct KernelOptions {
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Runs timers that fire while nobody waits for them.
    pub spawner: Arc<dyn Spawner>,
    /// What the embedder permits.
    pub policy: Arc<dyn Policy>,
    /// How much of everything there is.
    pub limits: Limits,
    /// The machine's budget, where the root filesystem is to be charged to it too; else made from `limits`.
    pub budget: Option<Arc<Budget>>,
    /// What `uname -n` says.
    pub hostname: String,
    /// What else programs are told of the machine.
    pub system: System,
    /// The filesystem at `/`.
    pub root: Arc<dyn FileSystem>,
    /// What runs programs; asked in this order.
    pub runtimes: Vec<Arc<dyn Runtime>>,
    /// Where randomness comes from.
    pub entropy: Arc<dyn Entropy>,
    /// What carries bytes out of the machine, where the policy lets them; `None`: nothing.
    pub network: Option<Arc<dyn Network>>,
}

/// Where randomness comes from.
pub trait Entropy: Send + Sync + std::fmt::Debug {
    /// Fills a buffer with bytes nobody can guess.
    fn fill(&self, buf: &mut [u8]);
}

/// A machine.
#[derive(Debug)]
pub struct Kernel {
    clock: Arc<dyn Clock>,
    spawner: Arc<dyn Spawner>,
    policy: Arc<dyn Policy>,
    refusals: Refusals,
    budget: Arc<Budget>,
    namespace: Namespace,
    hostname: RwLock<Vec<u8>>,
    domain: RwLock<Vec<u8>>,
    system: System,
    runtimes: Vec<Arc<dyn Runtime>>,
    entropy: Arc<dyn Entropy>,
    table: ProcessTable,
    process_ended: WaitQueue,
    sockets: Arc<Sockets>,
    ptys: Arc<PtyTable>,
    epoll_nesting: EpollNesting,
    inotify_instances: Arc<Instances>,
    /// Where memory files are.
    scratch: Arc<Tmpfs>,
    is_shut_down: Mutex<bool>,
}

impl Kernel {
    /// A machine with process 1 and nothing running.
    #[must_use]
    pub fn new(options: KernelOptions) -> Arc<Self> {
        let budget = options
            .budget
            .unwrap_or_else(|| Budget::new(options.limits));
        let namespace = Namespace::new(options.root, MountFlags::empty());
        namespace.set_special_files(Arc::new(FifoOpener::new(Arc::clone(&budget))));
        let scratch = Tmpfs::new(Arc::clone(&options.clock), Arc::clone(&budget));
        let started = options.clock.now();
        Arc::new_cyclic(|kernel| {
            let root = namespace.root();
            let fs = FsContext {
                cwd: root.clone(),
                root,
                umask: 0o022,
            };
            let table = ProcessTable::default();
            let mut tree = table.lock();
            tree.insert(fork::create_init(kernel, started, fs));
            drop(tree);
            let outward = Outward::new(Arc::clone(&options.policy), options.network);
            Self {
                clock: options.clock,
                spawner: options.spawner,
                policy: options.policy,
                refusals: Refusals::default(),
                sockets: Sockets::with_outward(Arc::clone(&budget), outward),
                ptys: PtyTable::new(),
                budget,
                namespace,
                hostname: RwLock::new(options.hostname.into_bytes()),
                domain: RwLock::new(b"(none)".to_vec()),
                system: options.system.bounded(),
                runtimes: options.runtimes,
                entropy: options.entropy,
                table,
                process_ended: WaitQueue::new(),
                epoll_nesting: EpollNesting::default(),
                inotify_instances: Arc::default(),
                scratch,
                is_shut_down: Mutex::new(false),
            }
        })
    }

    /// The mounts.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// What is used, and the limits.
    #[must_use]
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// What the embedder permits.
    #[must_use]
    pub fn policy(&self) -> &Arc<dyn Policy> {
        &self.policy
    }

    /// The machine's randomness.
    #[must_use]
    pub fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.entropy
    }

    /// What runs timers.
    #[must_use]
    pub fn spawner(&self) -> &Arc<dyn Spawner> {
        &self.spawner
    }

    /// The sockets.
    #[must_use]
    pub fn sockets(&self) -> &Arc<Sockets> {
        &self.sockets
    }

    /// The pseudo-terminals.
    #[must_use]
    pub fn ptys(&self) -> &Arc<PtyTable> {
        &self.ptys
    }

    pub(crate) fn table(&self) -> &ProcessTable {
        &self.table
    }

    pub(crate) fn process_ended(&self) -> &WaitQueue {
        &self.process_ended
    }

    pub(crate) fn scratch(&self) -> &Arc<Tmpfs> {
        &self.scratch
    }

    pub(crate) fn inotify_instances(&self) -> &Arc<Instances> {
        &self.inotify_instances
    }

    pub(crate) fn epoll_nesting(&self) -> &EpollNesting {
        &self.epoll_nesting
    }

    /// The host name.
    #[must_use]
    pub fn hostname(&self) -> Vec<u8> {
        self.hostname.read().clone()
    }

    pub(crate) fn set_hostname(&self, name: &[u8]) {
        *self.hostname.write() = name.to_vec();
    }

    pub(crate) fn domain(&self) -> Vec<u8> {
        self.domain.read().clone()
    }

    pub(crate) fn set_domain(&self, name: &[u8]) {
        *self.domain.write() = name.to_vec();
    }

    /// What programs are told of the machine: names, processors.
    #[must_use]
    pub fn system(&self) -> &System {
        &self.system
    }

    pub(crate) fn runtimes(&self) -> &[Arc<dyn Runtime>] {
        &self.runtimes
    }

    pub(crate) fn runtime_for(&self, header: &[u8]) -> Option<&Arc<dyn Runtime>> {
        self.runtimes
            .iter()
            .find(|runtime| runtime.recognises(header))
    }

    /// Asks the policy.
    ///
    /// # Errors
    /// `EACCES`: it refuses; the reason is in the audit trace. What the embedder gave as a reason is found by [`refusal`](Self::refusal).
    pub fn permit(&self, request: &Request<'_>) -> SysResult {
        match self.policy.decide(request) {
            Verdict::Allow => Ok(()),
            Verdict::Deny { reason, is_given } => {
                tracing::info!(target: "cenote::audit", ?request, reason, "refused");
                let error = SysError::with_note(Errno::EACCES, request.refusal());
                Err(if is_given {
                    error.for_reason(self.refusals.keep(&reason))
                } else {
                    error
                })
            }
        }
    }

    /// What the embedder said when it refused a call, by the number in the error ([`SysError::reason`]), for a runtime whose errors have room
    /// for it. Nothing for a number of long ago.
    #[must_use]
    pub fn refusal(&self, number: NonZeroU32) -> Option<String> {
        self.refusals.reason(number)
    }

    /// Asks the policy about a file that was found, when it wants to be asked.
    pub(crate) fn permit_file(&self, location: &Location, operation: FileOperation) -> SysResult {
        if !self.policy.watches_files() {
            return Ok(());
        }
        self.permit(&Request::File {
            operation,
            // A process that was given another root is told of no other files than the machine has.
            path: &location.path_from(&self.namespace().root()),
            destination: None,
            is_directory: location.inode().file_type() == FileType::Directory,
        })
    }

    /// Every process at this moment, init first.
    #[must_use]
    pub fn processes(&self) -> Vec<ProcessInfo> {
        self.table.list()
    }

    /// The processes that programs run in: neither init nor zombies.
    #[must_use]
    pub fn living(&self) -> Vec<Arc<Process>> {
        self.table
            .select(|node| node.process.pid() != Pid::INIT && node.zombie.is_none())
    }

    /// A process, zombies included.
    #[must_use]
    pub fn process(&self, pid: Pid) -> Option<Arc<Process>> {
        self.table.get(pid)
    }

    /// Starts a process for the embedder: a child of init. See [`SpawnRequest`].
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`, `ENOEXEC`…: the program cannot be run. `EAGAIN`: too many processes.
    pub async fn spawn(self: &Arc<Self>, request: SpawnRequest) -> SysResult<ChildHandle> {
        spawn_first(self, request).await
    }

    /// A pipe: its read end and its write end.
    ///
    /// # Errors
    /// `ENFILE`: too many pipes or open files.
    pub fn pipe(&self) -> SysResult<(Arc<OpenFile>, Arc<OpenFile>)> {
        pipe::new_pair(&self.budget, cenote_abi::fs::OpenFlags::empty())
    }

    /// Sends a signal from outside.
    ///
    /// # Errors
    /// `ESRCH`: there is no such process.
    pub fn kill(&self, pid: Pid, signal: SigNum) -> SysResult {
        let process = self.table.get(pid).ok_or(Errno::ESRCH)?;
        send_kernel(&process, signal);
        Ok(())
    }

    /// How many descriptors a process may have at most.
    pub(crate) fn most_open_files(&self) -> u64 {
        let limits = self.budget.limits();
        limits.open_files_per_process.min(limits.open_files)
    }

    /// The limits a first process gets.
    pub(crate) fn initial_rlimits(&self) -> RLimits {
        let machine = self.budget.limits();
        let mut limits = RLimits::initial(self.most_open_files());
        if let Some(time) = machine.cpu_time {
            let soft = time.as_secs() + u64::from(time.subsec_nanos() > 0);
            let hard = soft.saturating_add(1);
            limits.set(Resource::Cpu, RLimit { soft, hard });
        }
        limits
    }

    /// Whether [`shutdown`](Self::shutdown) was called.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        *self.is_shut_down.lock()
    }

    /// Kills every process that is in a session now; whether there was one. It does not wait for their end.
    pub fn kill_session(&self, session: Sid) -> bool {
        self.kill_living(|node| node.session.sid() == session)
    }

    /// Kills every process of a session, those too that are started meanwhile, and waits until none lives.
    pub async fn end_session(&self, session: Sid) {
        self.end_all(|node| node.session.sid() == session).await;
    }

    async fn end_all(&self, is_meant: impl Fn(&Node) -> bool) {
        let waiter = Waiter::new();
        let _registration = self.process_ended.register(waiter.clone());
        while self.kill_living(&is_meant) {
            waiter.woken().await;
        }
    }

    fn kill_living(&self, is_meant: impl Fn(&Node) -> bool) -> bool {
        let living = self.table.select(|node| {
            node.process.pid() != Pid::INIT && node.zombie.is_none() && is_meant(node)
        });
        for process in &living {
            send_kernel(process, SigNum::SIGKILL);
        }
        !living.is_empty()
    }

    /// Kills every process and waits until every runtime has let go. Nothing can be started any more.
    pub async fn shutdown(&self) {
        *self.is_shut_down.lock() = true;
        self.end_all(|_| true).await;
        let nodes = self.table.lock().clear();
        drop(nodes);
        self.sockets.shut_down();
        self.ptys.clear();
    }
}
