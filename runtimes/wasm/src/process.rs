//! What this runtime keeps of a process: the data of its wasmtime store.
//!
//! [`Process`] holds the task, the program it runs, the handles to what the instance exports, and the state of the
//! calls that are the runtime's own: memory maps, fork, handlers. [`MemoryLimit`] is the store's limiter.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cenote_abi::Errno;
use cenote_abi::clock::ClockId;
use cenote_abi::fs::Timespec;
use cenote_base::SysResult;
use cenote_base::limits::{Charge, Gauge, Resource};
use cenote_kernel::{Program, Task};
use wasmtime::{Global, Memory, ResourceLimiter, Store, Table, TypedFunc};

use crate::engine::RunningProgram;
use crate::error::Stop;
use crate::image::ProgramImage;
use crate::linux::address_space::AddressSpace;
use crate::linux::fork::{Asyncify, ForkState};
use crate::linux::memory::SharedMap;
use crate::looks::Looks;
use crate::pace::{Pace, Paced};
use crate::runtime::Shared;
use crate::wasi_p1::Descriptors;

/// Elements a table of functions may have.
const MAX_TABLE_ELEMENTS: usize = 65_536;

/// Handles to what an instance exports.
#[derive(Clone)]
pub(crate) struct Exports {
    /// `_start`.
    pub(crate) start: TypedFunc<(), ()>,
    /// `memory`.
    pub(crate) memory: Option<Memory>,
    /// `__stack_pointer`.
    pub(crate) stack_pointer: Option<Global>,
    /// `__cenote_signal`.
    pub(crate) signal_trampoline: Option<TypedFunc<(i32, i32, i32, i32), ()>>,
    /// `__indirect_function_table`.
    pub(crate) function_table: Option<Table>,
    /// How to unwind and rewind.
    pub(crate) asyncify: Option<Asyncify>,
}

/// The data of a store: one process.
pub(crate) struct Process {
    task: Arc<Task>,
    shared: Arc<Shared>,
    image: Arc<ProgramImage>,
    exports: Option<Exports>,
    limit: MemoryLimit,
    handler_depth: u32,
    stop: Option<Stop>,
    next: Option<Box<dyn Program>>,
    pace: Pace,
    _running: RunningProgram,
    /// How many calls a late signal handler has waited for.
    pub(crate) put_off: u8,
    /// How often it looked at the clock of real time.
    looks: u32,
    /// What it saw last of the clocks of real time and of time since the start.
    seen: [Looks; 2],
    /// Which memory is handed out by `mmap`.
    pub(crate) space: AddressSpace,
    /// Maps of files that are written back.
    pub(crate) shared_maps: Vec<SharedMap>,
    /// Where the process stands in a fork.
    pub(crate) fork: ForkState,
    /// What a WASI program sees of the process's descriptors.
    pub(crate) descriptors: Descriptors,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process")
            .field("pid", &self.task.pid())
            .field("fork", &self.fork)
            .finish_non_exhaustive()
    }
}

impl Process {
    /// A process about to run `image`.
    pub(crate) fn new(
        task: Arc<Task>,
        shared: Arc<Shared>,
        image: Arc<ProgramImage>,
    ) -> SysResult<Self> {
        let limit = MemoryLimit::new(&task, shared.memory_limit(), MODULE_PARTS)?;
        Ok(Self {
            limit,
            exports: None,
            handler_depth: 0,
            stop: None,
            next: None,
            pace: Pace::default(),
            _running: shared.engine().program_runs(),
            put_off: 0,
            looks: 0,
            seen: [Looks::default(); 2],
            space: AddressSpace::default(),
            shared_maps: Vec::new(),
            fork: ForkState::None,
            descriptors: Descriptors::default(),
            task,
            shared,
            image,
        })
    }

    /// A store for the child of this process: same program, same maps, no instance yet.
    ///
    /// # Errors
    /// `ENOMEM`: the machine's limit of memory is reached.
    pub(crate) fn fork_store(&self) -> SysResult<Store<Self>> {
        let mut child = Self::new(
            Arc::clone(&self.task),
            Arc::clone(&self.shared),
            Arc::clone(&self.image),
        )?;
        child.space = self.space.clone();
        child.shared_maps.clone_from(&self.shared_maps);
        Ok(crate::program::new_store(child))
    }

    /// From here on this is the child's.
    pub(crate) fn become_child(&mut self, task: Arc<Task>) {
        task.process().set_memory_bytes(self.limit.charge.amount());
        self.limit.task = Arc::clone(&task);
        self.task = task;
    }

    /// Counts looks at the clock of real time; how many there were before, so that who looks once sees the bare clock.
    pub(crate) fn look(&mut self) -> u32 {
        let before = self.looks;
        self.looks = before.wrapping_add(1);
        before
    }

    /// What the process sees of a coarse clock, which shows `now`; close looks see the same.
    pub(crate) fn see(&mut self, clock: ClockId, now: Timespec, step: Duration) -> Timespec {
        let looks = match clock {
            ClockId::Realtime => &mut self.seen[0],
            ClockId::Monotonic => &mut self.seen[1],
            _ => return now,
        };
        looks.shown(Instant::now(), now, step)
    }

    /// The calling task.
    pub(crate) fn task(&self) -> &Arc<Task> {
        &self.task
    }

    /// What all programs of the runtime share.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The program that runs.
    pub(crate) fn image(&self) -> &Arc<ProgramImage> {
        &self.image
    }

    /// The limiter, for wasmtime.
    pub(crate) fn limiter(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.limit
    }

    /// The instance's exports, once there is an instance.
    pub(crate) fn exports(&self) -> Option<&Exports> {
        self.exports.as_ref()
    }

    /// Notes the instance's exports.
    pub(crate) fn set_exports(&mut self, exports: Exports) {
        self.exports = Some(exports);
    }

    /// The program's memory.
    ///
    /// # Errors
    /// `EFAULT`: it exports none, or calls while it is being instantiated.
    pub(crate) fn memory(&self) -> SysResult<Memory> {
        Ok(self
            .exports
            .as_ref()
            .and_then(|exports| exports.memory)
            .ok_or(Errno::EFAULT)?)
    }

    /// How many handlers run, one interrupting the other.
    pub(crate) fn handler_depth(&self) -> u32 {
        self.handler_depth
    }

    /// A handler begins.
    pub(crate) fn handler_began(&mut self) {
        self.handler_depth += 1;
    }

    /// A handler returned or was jumped out of.
    pub(crate) fn handler_ended(&mut self) {
        self.handler_depth = self.handler_depth.saturating_sub(1);
    }

    /// Asks that the guest be unwound when the call returns.
    pub(crate) fn stop_with(&mut self, stop: Stop) {
        self.stop = Some(stop);
    }

    /// The process becomes another program when the call returns.
    pub(crate) fn becomes(&mut self, program: Box<dyn Program>) {
        self.next = Some(program);
        self.stop = Some(Stop::Exec);
    }

    /// Whether the guest is to be unwound.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.is_some()
    }

    /// Why the guest is to be unwound.
    pub(crate) fn stop(&self) -> Option<Stop> {
        self.stop
    }

    /// Takes the program that comes next.
    pub(crate) fn take_next(&mut self) -> Option<Box<dyn Program>> {
        self.next.take()
    }
}

impl Paced for Process {
    fn task(&self) -> &Arc<Task> {
        &self.task
    }

    fn pace(&mut self) -> &mut Pace {
        &mut self.pace
    }
}

/// How many of the engine's parts a store may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub(crate) instances: usize,
    pub(crate) tables: usize,
    pub(crate) memories: usize,
}

/// A core module: one of each, and a table for what it exports to the runtime.
const MODULE_PARTS: Parts = Parts {
    instances: 1,
    tables: 2,
    memories: 1,
};

/// Counts a process's memory against its own limit and the machine's.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    task: Arc<Task>,
    charge: Charge,
    /// Where the machine sees what the process has.
    gauge: Arc<Gauge>,
    parts: Parts,
}

/// The option for the memory of one process, as the embedder's package names it.
const MEMORY: &str = "wasm_memory";

impl MemoryLimit {
    /// A limit of `limit` bytes for a process.
    ///
    /// # Errors
    /// `ENOMEM`: the machine's limit is reached already.
    pub(crate) fn new(task: &Arc<Task>, limit: u64, parts: Parts) -> SysResult<Self> {
        let budget = task.kernel().budget();
        Ok(Self {
            task: Arc::clone(task),
            charge: budget.charge(Resource::WasmMemory, 0)?,
            gauge: budget.gauge(MEMORY, limit),
            parts,
        })
    }

    /// The process's own limit: the runtime's option, or a lower `RLIMIT_AS`.
    fn limit(&self) -> u64 {
        let asked = self
            .task
            .process()
            .rlimits()
            .lock()
            .of(cenote_abi::limits::Resource::RLIMIT_AS);
        self.gauge.limit().min(asked.soft)
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Called for the linear memory and for the heap of exceptions, so only the difference counts.
        let more = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        let total = self.charge.amount().saturating_add(more);
        let limit = self.limit();
        if total > limit {
            if total > self.gauge.limit() {
                self.gauge.reached();
            }
            tracing::debug!(target: "cenote::limit", option = MEMORY, total, limit, pid = %self.task.pid(), "limit reached");
            return Ok(false);
        }
        let is_allowed = self.charge.resize(total).is_ok();
        if is_allowed {
            self.task.process().set_memory_bytes(total);
            self.gauge.set(total);
        }
        Ok(is_allowed)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        self.parts.instances
    }

    fn tables(&self) -> usize {
        self.parts.tables
    }

    fn memories(&self) -> usize {
        self.parts.memories
    }
}
