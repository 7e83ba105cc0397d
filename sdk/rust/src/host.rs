//! What all machines of this process share: the async runtime that drives them, and the engines.
//!
//! Cenote brings its own tokio runtime, so that its futures can be awaited on any executor and a guest's work never runs on
//! the embedder's threads.

use std::cell::Cell;
use std::collections::HashSet;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use cenote_kernel::{BoxFuture, Entropy, Runtime, Spawner};
use cenote_node::{HeapLimits, NodeRuntime as NodeEngine};
use cenote_wasm::{CompileObserver, WasmOptions, WasmRuntime};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::Error;

/// The runtime of this process.
pub(crate) struct Host {
    tokio: tokio::runtime::Runtime,
}

static HOST: OnceLock<Result<Host, String>> = OnceLock::new();

/// The shared host part, made at the first use.
///
/// # Errors
/// [`Error::Runtime`] when it cannot be set up on this machine; the answer stays the same.
pub(crate) fn host() -> Result<&'static Host, Error> {
    HOST.get_or_init(Host::make)
        .as_ref()
        .map_err(|reason| Error::Runtime {
            runtime: "host",
            reason: reason.clone(),
        })
}

/// What one process of a machine may have in memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryLimits {
    pub(crate) wasm: u64,
    pub(crate) heap: usize,
    pub(crate) array_buffers: usize,
}

impl MemoryLimits {
    /// What JavaScript engines are made with.
    pub(crate) const fn engine(&self) -> HeapLimits {
        HeapLimits {
            heap: self.heap,
            array_buffers: self.array_buffers,
        }
    }
}

impl Host {
    fn make() -> Result<Self, String> {
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .thread_name("cenote")
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { tokio })
    }

    pub(crate) fn handle(&self) -> &Handle {
        self.tokio.handle()
    }

    /// Runs the kernel's own background work.
    pub(crate) fn spawner(&self) -> Arc<dyn Spawner> {
        Arc::new(TokioSpawner(self.tokio.handle().clone()))
    }

    /// What runs the programs of one machine. Engines and compiled code are shared behind them.
    /// So many isolates are kept ready for its node processes.
    pub(crate) fn runtimes(
        &self,
        limits: MemoryLimits,
        warm: usize,
    ) -> Result<Vec<Arc<dyn Runtime>>, Error> {
        let options = WasmOptions {
            memory_limit: limits.wasm,
            observer: Some(Arc::new(SlowStarts)),
        };
        let wasm =
            WasmRuntime::with_options(self.tokio.handle().clone(), options).map_err(|error| {
                Error::Runtime {
                    runtime: "wasm",
                    reason: error.to_string(),
                }
            })?;
        let node = NodeEngine::new(limits.engine()).with_spares(warm);
        Ok(vec![Arc::new(wasm), Arc::new(node)])
    }
}

/// Kernel work on the shared runtime.
#[derive(Debug)]
struct TokioSpawner(Handle);

impl Spawner for TokioSpawner {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.0.spawn(work);
    }
}

/// Host contact: the operating system's random numbers.
#[derive(Debug)]
pub(crate) struct HostEntropy;

impl Entropy for HostEntropy {
    fn fill(&self, buf: &mut [u8]) {
        getrandom::fill(buf)
            .expect("an operating system without randomness cannot run guests safely");
    }
}

thread_local! {
    /// Whether this thread belongs to an embedder's runtime of one thread, though it has entered ours.
    static ON_SINGLE_THREAD: Cell<bool> = const { Cell::new(false) };
}

fn is_single_threaded() -> bool {
    Handle::try_current()
        .is_ok_and(|current| current.runtime_flavor() == RuntimeFlavor::CurrentThread)
}

/// Waits on this thread; where it is a worker of a runtime, other tasks are moved to another one meanwhile.
pub(crate) fn wait_here<T>(wait: impl FnOnce() -> T) -> T {
    let is_worker = Handle::try_current()
        .is_ok_and(|current| current.runtime_flavor() == RuntimeFlavor::MultiThread);
    if is_worker && !ON_SINGLE_THREAD.get() {
        tokio::task::block_in_place(wait)
    } else {
        wait()
    }
}

/// Drives a future with the shared runtime's timers at hand, on whatever executor awaits it.
pub(crate) fn run<T: Send + 'static>(
    future: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Pin<Box<dyn Future<Output = Result<T, Error>> + Send>> {
    Box::pin(async move {
        let host = host()?;
        let mut future = Box::pin(future);
        std::future::poll_fn(move |cx| {
            let is_single = ON_SINGLE_THREAD.get() || is_single_threaded();
            let before = ON_SINGLE_THREAD.replace(is_single);
            let entered = host.handle().enter();
            let polled = future.as_mut().poll(cx);
            drop(entered);
            ON_SINGLE_THREAD.set(before);
            polled
        })
        .await
    })
}

/// Waits on this thread for a future that the shared runtime drives. Other work of the thread is moved to another one meanwhile,
/// where it can be.
pub(crate) fn wait<T: Send + 'static>(
    future: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    host()?.handle().spawn(async move {
        // Whoever asked waits below.
        drop(tell.send(future.await));
    });
    let wait = move || told.recv().unwrap_or(Err(Error::Disposed));
    let on_worker = Handle::try_current()
        .is_ok_and(|current| current.runtime_flavor() == RuntimeFlavor::MultiThread);
    if on_worker {
        tokio::task::block_in_place(wait)
    } else {
        wait()
    }
}

/// Runs a future in the background on the shared runtime.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    if let Ok(host) = host() {
        host.handle().spawn(future);
    }
}

/// What machines of this process read of the host besides what their options name: compiled modules, node's start-up snapshot in the cache, and commands
/// that an environment variable or a checkout puts in the place of those shipped. For those who lock a process down.
#[must_use]
pub fn host_reads() -> Vec<PathBuf> {
    let modules = cenote_wasm::module_directory();
    modules
        .into_iter()
        .chain(cenote_node::snapshot_directory())
        .chain(crate::root::host_commands())
        .collect()
}

type Report = Arc<dyn Fn(Option<&str>) + Send + Sync>;

/// Who is told of slow starts, after how long, and what is being prepared now.
#[derive(Default)]
struct Listening {
    report: Option<(Duration, Report)>,
    under_way: HashSet<String>,
    mentioned: HashSet<String>,
}

fn listening() -> std::sync::MutexGuard<'static, Listening> {
    static LISTENING: OnceLock<Mutex<Listening>> = OnceLock::new();
    LISTENING
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Calls back, from a thread of ours, whenever preparing a program takes longer than `patience`: with the program's path, and with nothing
/// when it is done. For programs that show progress. The last registration counts.
pub fn on_slow_start(patience: Duration, report: impl Fn(Option<&str>) + Send + Sync + 'static) {
    listening().report = Some((patience, Arc::new(report)));
}

/// Tells of compilations that take long.
#[derive(Debug)]
struct SlowStarts;

impl CompileObserver for SlowStarts {
    fn compiling(&self, name: &str) {
        let mut state = listening();
        let Some((patience, report)) = state.report.clone() else {
            return;
        };
        state.under_way.insert(name.to_owned());
        drop(state);
        let name = name.to_owned();
        spawn(async move {
            tokio::time::sleep(patience).await;
            let mut state = listening();
            let is_slow = state.under_way.contains(&name) && state.mentioned.insert(name.clone());
            drop(state);
            if is_slow {
                report(Some(&name));
            }
        });
    }

    fn compiled(&self, name: &str) {
        let mut state = listening();
        state.under_way.remove(name);
        let was_mentioned = state.mentioned.remove(name);
        let report = state.report.clone();
        drop(state);
        if let (true, Some((_, report))) = (was_mentioned, report) {
            report(None);
        }
    }
}
