//! What the runtime keeps of a component's process, and the host functions of WASI 0.2 over it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cenote_base::{Fd, SysResult};
use cenote_kernel::{Task, syscall};
use rand::TryRng;
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView,
};

use super::bindings::{preopens, types};
use super::streams::{OpenFd, Standard};
use crate::engine::RunningProgram;
use crate::pace::{Pace, Paced};
use crate::process::{MemoryLimit, Parts};
use crate::runtime::Shared;
use crate::wasi_p1::random_fill;

/// Core modules a component may be made of; tools make four of one.
const COMPONENT_PARTS: Parts = Parts {
    instances: 64,
    tables: 64,
    memories: 8,
};

/// Streams, descriptors and pollables a program may have at a time.
const MAX_RESOURCES: usize = 65_536;

/// The data of a component's store: one process.
pub(crate) struct ComponentProcess {
    task: Arc<Task>,
    wasi: WasiCtx,
    pub(super) table: ResourceTable,
    pub(super) limit: MemoryLimit,
    pace: Pace,
    _running: RunningProgram,
}

impl std::fmt::Debug for ComponentProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ComponentProcess({})", self.task.pid())
    }
}

impl ComponentProcess {
    /// A process about to run a component.
    ///
    /// # Errors
    /// `ENOMEM`: the machine's limit of memory is reached.
    pub(super) fn new(task: Arc<Task>, shared: &Shared) -> SysResult<Self> {
        let limit = MemoryLimit::new(&task, shared.memory_limit(), COMPONENT_PARTS)?;
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        Ok(Self {
            wasi: context(&task),
            table,
            limit,
            pace: Pace::default(),
            _running: shared.engine().program_runs(),
            task,
        })
    }

    /// The process's task.
    pub(super) fn task(&self) -> &Arc<Task> {
        &self.task
    }
}

impl Paced for ComponentProcess {
    fn task(&self) -> &Arc<Task> {
        &self.task
    }

    fn pace(&mut self) -> &mut Pace {
        &mut self.pace
    }
}

impl WasiView for ComponentProcess {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// WASI's view of a process: its arguments, environment, standard streams, clocks and randomness; nothing of the host's.
fn context(task: &Arc<Task>) -> WasiCtx {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let standard = |fd| Standard(OpenFd::inherited(Arc::clone(task), Fd::new(fd)));
    let args: Vec<String> = task.argv().iter().map(|argument| text(argument)).collect();
    let env: Vec<(String, String)> = task
        .envp()
        .iter()
        .filter_map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            Some((text(&pair[..at]), text(&pair[at + 1..])))
        })
        .collect();
    let mut builder = WasiCtxBuilder::new();
    builder
        .args(&args)
        .envs(&env)
        .stdin(standard(0))
        .stdout(standard(1))
        .stderr(standard(2))
        .secure_random(KernelRandom(Arc::clone(task)))
        .insecure_random(KernelRandom(Arc::clone(task)))
        .insecure_random_seed(seed(task))
        .wall_clock(KernelClock(Arc::clone(task)))
        .monotonic_clock(KernelClock(Arc::clone(task)))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    if let Ok(cwd) = syscall::getcwd(task) {
        builder.initial_cwd(text(&cwd));
    }
    builder.build()
}

fn seed(task: &Task) -> u128 {
    let mut bytes = [0; 16];
    fill(task, &mut bytes);
    u128::from_le_bytes(bytes)
}

fn fill(task: &Task, bytes: &mut [u8]) {
    random_fill(task, bytes).expect("getrandom(2) without flags does not fail");
}

/// The machine's randomness.
struct KernelRandom(Arc<Task>);

impl TryRng for KernelRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        fill(&self.0, &mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        fill(&self.0, &mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        fill(&self.0, bytes);
        Ok(())
    }
}

/// The machine's clocks.
struct KernelClock(Arc<Task>);

impl HostWallClock for KernelClock {
    fn resolution(&self) -> Duration {
        self.0.kernel().clock().timing().resolution()
    }

    fn now(&self) -> Duration {
        let now = self.0.kernel().clock().realtime();
        Duration::new(u64::try_from(now.sec).unwrap_or(0), now.nsec)
    }
}

impl HostMonotonicClock for KernelClock {
    fn resolution(&self) -> u64 {
        let step = self.0.kernel().clock().timing().resolution();
        step.subsec_nanos().into()
    }

    fn now(&self) -> u64 {
        let now = self.0.kernel().clock().now();
        u64::try_from(now.since_boot().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// All host functions of WASI 0.2: the crate's, with the files over the kernel's.
///
/// # Errors
/// The interfaces do not fit together: a bug.
pub(crate) fn define(linker: &mut Linker<ComponentProcess>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    types::add_to_linker::<_, HasSelf<_>>(linker, |process| process)?;
    preopens::add_to_linker::<_, HasSelf<_>>(linker, |process| process)?;
    linker.allow_shadowing(false);
    Ok(())
}
