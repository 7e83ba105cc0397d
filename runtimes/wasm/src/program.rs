//! One program as a process: its store and instance, the run of `_start`, and how it ends.
//!
//! A process is a future that the runtime polls (`schedule.rs`). [`execute`] enters `_start`; it comes back when the program returned, when its stack was
//! unwound for a fork (then both sides are entered again), or with an error: [`Stop`] from a call, or a trap, which
//! becomes the signal that Linux would send. The store, and with it all memory, goes before the kernel is told.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cenote_abi::wait::WaitStatus;
use cenote_abi::{Errno, SigNum};
use cenote_base::{SysError, SysResult};
use cenote_kernel::{Program, Task};
use wasmtime::{
    AsContextMut, Extern, Instance, ModuleExport, PoolConcurrencyLimitError, Store,
    ThrownException, Trap,
};

use crate::error::Stop;
use crate::image::{ProgramImage, World};
use crate::linux::address_space::AddressSpace;
use crate::linux::fork::{self, Asyncify, AsyncifyFunctions};
use crate::linux::memory::write_back_all;
use crate::pace::on_epoch;
use crate::process::{Exports, Process};
use crate::runtime::Shared;
use crate::schedule::{self, Run, first_turn, spawn};

/// A program that is ready to run.
#[derive(Debug)]
pub(crate) struct WasmProgram {
    pub(crate) shared: Arc<Shared>,
    pub(crate) image: Arc<ProgramImage>,
}

impl Program for WasmProgram {
    fn start(self: Box<Self>, task: Arc<Task>) {
        let handle = self.shared.handle().clone();
        let own = Arc::clone(&task);
        let process = match Process::new(
            Arc::clone(&task),
            Arc::clone(&self.shared),
            Arc::clone(&self.image),
        ) {
            Ok(process) => process,
            Err(error) => {
                end_by_fault(&own, SigNum::SIGKILL, &error.to_string());
                own.finish();
                return;
            }
        };
        spawn(
            &handle,
            async move {
                let mut store = new_store(process);
                if let Err(error) = instantiate(&mut store).await {
                    // Past exec's point of no return; Linux kills there too.
                    end_by_fault(&task, SigNum::SIGKILL, &error.to_string());
                    drop(store);
                    task.finish();
                    return None;
                }
                run(store).await
            },
            &own,
        );
    }
}

/// A store with its limits and its callback.
pub(crate) fn new_store(process: Process) -> Store<Process> {
    let engine = process.shared().engine().engine().clone();
    let mut store = Store::new(&engine, process);
    store.limiter(Process::limiter);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(on_epoch::<Process>);
    store
}

/// Makes the instance of a store's program and notes its exports.
///
/// # Errors
/// `EAGAIN`: no instance is free in this OS process. `ENOMEM`: its memory is over a limit. `ENOEXEC`: it trapped.
pub(crate) async fn instantiate(store: &mut Store<Process>) -> SysResult {
    let image = Arc::clone(store.data().image());
    let instance = image
        .pre
        .instantiate_async(&mut *store)
        .await
        .map_err(|error| {
            tracing::debug!(target: "cenote::exec", error = %format!("{error:#}"), "no instance");
            if error.is::<PoolConcurrencyLimitError>() {
                SysError::with_note(
                    Errno::EAGAIN,
                    "all WebAssembly instances of this host process are in use",
                )
            } else if error.is::<Trap>() || error.is::<Stop>() {
                SysError::with_note(
                    Errno::ENOEXEC,
                    "the module failed while it was instantiated",
                )
            } else {
                SysError::with_note(Errno::ENOMEM, "the program's memory is over a limit")
            }
        })?;
    let exports = find_exports(store, &instance, &image).ok_or(Errno::ENOEXEC)?;
    let is_fresh = store.data().space.is_unset();
    if let (Some(memory), World::Linux, true) = (exports.memory, image.world, is_fresh) {
        let heap = image
            .heap_base
            .and_then(|place| global(store, &instance, Some(&place)));
        let heap = heap
            .and_then(|heap| heap.get(&mut *store).i32())
            .map(i32::cast_unsigned);
        let size = u64::try_from(memory.data_size(&*store)).unwrap_or(u64::MAX);
        // A module that does not say where its data ends gets maps only from memory that is grown for them.
        let base = heap.unwrap_or(u32::try_from(size).unwrap_or(u32::MAX));
        store.data_mut().space = AddressSpace::new(base, size);
    }
    store.data_mut().set_exports(exports);
    Ok(())
}

fn find(
    store: &mut Store<Process>,
    instance: &Instance,
    place: Option<&ModuleExport>,
) -> Option<Extern> {
    instance.get_module_export(store, place?)
}

fn global(
    store: &mut Store<Process>,
    instance: &Instance,
    place: Option<&ModuleExport>,
) -> Option<wasmtime::Global> {
    find(store, instance, place)?.into_global()
}

fn function<P, R>(
    store: &mut Store<Process>,
    instance: &Instance,
    place: Option<&ModuleExport>,
) -> Option<wasmtime::TypedFunc<P, R>>
where
    P: wasmtime::WasmParams,
    R: wasmtime::WasmResults,
{
    find(store, instance, place)?
        .into_func()?
        .typed(&*store)
        .ok()
}

fn find_exports(
    store: &mut Store<Process>,
    instance: &Instance,
    image: &ProgramImage,
) -> Option<Exports> {
    let places = &image.exports;
    let start = function(store, instance, places.start.as_ref())?;
    let state = global(store, instance, places.asyncify_state.as_ref());
    let data = global(store, instance, places.asyncify_data.as_ref());
    let asyncify = match (state, data) {
        (Some(state), Some(data)) => Some(Asyncify::Globals { state, data }),
        _ => asyncify_functions(store, instance, image),
    };
    Some(Exports {
        start,
        memory: find(store, instance, places.memory.as_ref()).and_then(Extern::into_memory),
        stack_pointer: global(store, instance, places.stack_pointer.as_ref()),
        signal_trampoline: function(store, instance, places.signal_trampoline.as_ref()),
        function_table: find(store, instance, places.function_table.as_ref())
            .and_then(Extern::into_table),
        asyncify,
    })
}

fn asyncify_functions(
    store: &mut Store<Process>,
    instance: &Instance,
    image: &ProgramImage,
) -> Option<Asyncify> {
    let [start_unwind, stop_unwind, start_rewind, stop_rewind] =
        image.exports.asyncify_functions.as_ref()?;
    Some(Asyncify::Functions(Box::new(AsyncifyFunctions {
        start_unwind: function(store, instance, Some(start_unwind))?,
        stop_unwind: function(store, instance, Some(stop_unwind))?,
        start_rewind: function(store, instance, Some(start_rewind))?,
        stop_rewind: function(store, instance, Some(stop_rewind))?,
    })))
}

/// Runs an instance to its end, or to the program that follows it. Boxed, because a fork starts another of the same type.
fn run(mut store: Store<Process>) -> Pin<Box<dyn Future<Output = Option<Run>> + Send>> {
    Box::pin(async move {
        let task = Arc::clone(store.data().task());
        let stop = execute(&mut store).await;
        if let Ok(memory) = store.data().memory() {
            let (bytes, process) = memory.data_and_store_mut(&mut store);
            write_back_all(bytes, &mut process.shared_maps);
        }
        let next = store.data_mut().take_next();
        drop(store);
        match (stop, next) {
            (Stop::Exec, Some(program)) if !task.must_end() => {
                schedule::successor(|| program.start(task))
            }
            _ => {
                task.finish();
                None
            }
        }
    })
}

async fn execute(store: &mut Store<Process>) -> Stop {
    let task = Arc::clone(store.data().task());
    let Some(start) = store.data().exports().map(|exports| exports.start.clone()) else {
        end_by_fault(&task, SigNum::SIGKILL, "a store without an instance");
        return Stop::End;
    };
    loop {
        if task.must_end() {
            return Stop::End;
        }
        let result = start.call_async(store.as_context_mut(), ()).await;
        let result = match result {
            Ok(()) => fork::complete(store).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(fork::Outcome::NoFork) => {
                // Returning from `_start` is what `exit(0)` is to a program without a C library.
                task.exit(WaitStatus::Exited(0));
                return Stop::End;
            }
            Ok(fork::Outcome::Forked(child)) => {
                if let Some(child) = child {
                    let handle = child.data().shared().handle().clone();
                    let child_task = Arc::clone(child.data().task());
                    let _sleeping = task.process().sleep();
                    first_turn(&handle, run(child), &child_task).await;
                }
            }
            Err(error) => return classify(&task, &error),
        }
    }
}

/// What an error out of guest code means for the process.
pub(crate) fn classify(task: &Arc<Task>, error: &wasmtime::Error) -> Stop {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return *stop;
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        let (signal, note) = signal_of(*trap);
        end_by_fault(task, signal, note);
    } else if error.is::<ThrownException>() {
        end_by_fault(
            task,
            SigNum::SIGABRT,
            "an exception that nobody catches (a longjmp to a function that returned)",
        );
    } else {
        tracing::error!(target: "cenote::exec", pid = %task.pid(), error = %format!("{error:#}"), "the runtime failed");
        end_by_fault(task, SigNum::SIGKILL, "a failure of the runtime");
    }
    Stop::End
}

/// The signal Linux would send for what a trap stands for.
fn signal_of(trap: Trap) -> (SigNum, &'static str) {
    match trap {
        Trap::StackOverflow => (SigNum::SIGSEGV, "the WebAssembly stack is used up (8 MiB)"),
        Trap::MemoryOutOfBounds | Trap::HeapMisaligned => {
            (SigNum::SIGSEGV, "an address outside the program's memory")
        }
        Trap::TableOutOfBounds
        | Trap::IndirectCallToNull
        | Trap::BadSignature
        | Trap::NullReference => (SigNum::SIGSEGV, "a call through a bad function pointer"),
        Trap::IntegerOverflow | Trap::IntegerDivisionByZero | Trap::BadConversionToInteger => {
            (SigNum::SIGFPE, "an arithmetic error")
        }
        Trap::UnreachableCodeReached => (
            SigNum::SIGILL,
            "code that cannot be reached (abort, a failed assertion)",
        ),
        Trap::AllocationTooLarge => (SigNum::SIGKILL, "too much memory"),
        _ => (SigNum::SIGILL, "a trap"),
    }
}

/// Ends a process by a signal it cannot handle here.
pub(crate) fn end_by_fault(task: &Arc<Task>, signal: SigNum, note: &str) {
    tracing::info!(target: "cenote::fault", pid = %task.pid(), %signal, note, "ended by a fault");
    task.exit(WaitStatus::Signaled {
        signal,
        core: signal != SigNum::SIGKILL,
    });
}
