//! The one wasmtime engine of this OS process: its configuration, its clock of epochs, its count of running programs.
//!
//! [`SharedEngine`] is made once and lives as long as the process, for a pooling allocator reserves address space for
//! every instance there can be. A [`RunningProgram`] guard keeps the epoch ticker awake; an idle process ticks never.
//! Epochs end busy loops: each tick, and each kill, calls the epoch callback of whatever runs (`program.rs`).
//!
//! Numbers come from measurement (a clean fork and exit 11 µs against 55 µs with on-demand allocation): pooled slots
//! with copy-on-write images, of which dirty pages stay resident and are found again by `PAGEMAP_SCAN`.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig};

use crate::error::EngineError;

/// Live programs there can be in this process, over all machines. Past it, a start answers `EAGAIN`.
static PROGRAMS: AtomicU32 = AtomicU32::new(2_000);

/// What is tried where address space is limited (`ulimit -v`, small containers).
const FEWER: [u32; 2] = [500, 100];

/// The WebAssembly stack of a program; deeper recursion ends it by `SIGSEGV`.
pub(crate) const MAX_WASM_STACK: usize = 8 << 20;

/// Room above the guest's stack for the host calls that run on the same fiber.
const HOST_STACK: usize = 2 << 20;

/// What a pooled slot keeps of a finished program's pages, so that the next one takes no page faults.
const KEEP_RESIDENT: usize = 2 << 20;

/// Bytes for what a program throws (a `longjmp` is an exception), there from the start: a shell's child throws once, when it exits, and a heap that
/// grows and shrinks for that costs two changes of protection.
const EXCEPTION_HEAP: u64 = 64 << 10;

/// How often running programs are looked at: for limits, and so that they share the threads.
const TICK: Duration = Duration::from_millis(10);

/// The engine, its ticker and what they need of each other.
#[derive(Debug)]
pub(crate) struct SharedEngine {
    engine: Engine,
    running: Arc<AtomicUsize>,
    ticker: Thread,
}

/// Sets how many WebAssembly programs this host process can run at once, over all machines: 2,000 if nothing is said, at least 100. Past it a
/// start answers `EAGAIN`. Each costs 3 µs when the engine is made and 2 µs when the host process ends, so a process that holds one machine
/// starts and ends sooner with fewer. Must come before the first machine; later it changes nothing.
pub fn reserve_programs(count: u32) {
    PROGRAMS.store(count.max(100), Ordering::Relaxed);
}

impl std::fmt::Debug for RunningProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RunningProgram")
    }
}

impl SharedEngine {
    /// Returns the process's engine, made on first use.
    pub(crate) fn of_process() -> Result<&'static Self, EngineError> {
        static SHARED: OnceLock<Result<SharedEngine, EngineError>> = OnceLock::new();
        SHARED.get_or_init(Self::new).as_ref().map_err(Clone::clone)
    }

    fn new() -> Result<Self, EngineError> {
        let mut last = None;
        for instances in std::iter::once(PROGRAMS.load(Ordering::Relaxed)).chain(FEWER) {
            match Engine::new(&configuration(instances)) {
                Ok(engine) => return Self::with_ticker(engine),
                Err(error) => last = Some(error),
            }
        }
        Err(EngineError::Configuration(
            last.map(|error| format!("{error:#}")).unwrap_or_default(),
        ))
    }

    fn with_ticker(engine: Engine) -> Result<Self, EngineError> {
        let running = Arc::new(AtomicUsize::new(0));
        let (weak, count) = (engine.weak(), Arc::clone(&running));
        let ticker = std::thread::Builder::new()
            .name("cenote-epochs".to_owned())
            .spawn(move || {
                loop {
                    if count.load(Ordering::SeqCst) == 0 {
                        std::thread::park();
                    } else {
                        std::thread::sleep(TICK);
                        let Some(engine) = weak.upgrade() else { return };
                        engine.increment_epoch();
                    }
                }
            })
            .map_err(|error| EngineError::Ticker(error.to_string()))?;
        Ok(Self {
            engine,
            running,
            ticker: ticker.thread().clone(),
        })
    }

    /// The engine itself.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Says that a program runs, until the guard is dropped.
    pub(crate) fn program_runs(&'static self) -> RunningProgram {
        if self.running.fetch_add(1, Ordering::SeqCst) == 0 {
            self.ticker.unpark();
        }
        RunningProgram { engine: self }
    }

    /// Makes every running program look up from its work, now.
    pub(crate) fn interrupt(&self) {
        self.engine.increment_epoch();
    }
}

/// One running program, for the ticker's count.
pub(crate) struct RunningProgram {
    engine: &'static SharedEngine,
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        self.engine.running.fetch_sub(1, Ordering::SeqCst);
    }
}

fn configuration(instances: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(instances)
        // A module that uses exceptions has a second memory, for what it throws.
        .total_memories(instances.saturating_mul(2))
        .total_tables(instances.saturating_mul(2))
        .max_tables_per_module(2)
        .table_elements(65_536)
        .total_gc_heaps(instances)
        // A signal handler runs on a stack of its own, above the stack of the call it interrupted.
        .total_stacks(instances.saturating_mul(2))
        .max_core_instance_size(4 << 20)
        .total_component_instances(instances)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(16 << 10)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .wasm_exceptions(true)
        .epoch_interruption(true)
        .wasm_backtrace_max_frames(None)
        .max_wasm_stack(MAX_WASM_STACK)
        .async_stack_size(MAX_WASM_STACK + HOST_STACK)
        .gc_heap_initial_size(EXCEPTION_HEAP)
        .allocation_strategy(pool);
    config
}
