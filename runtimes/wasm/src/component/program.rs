//! A component as a process: its store, the run of `wasi:cli/run`, and how it ends.

use std::sync::Arc;

use cenote_abi::SigNum;
use cenote_abi::wait::WaitStatus;
use cenote_base::SysResult;
use cenote_kernel::{Program, Task};
use wasmtime::component::{Component, Linker};
use wasmtime::{PoolConcurrencyLimitError, Store};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::{Command, CommandPre};

use super::state::ComponentProcess;
use crate::error::Stop;
use crate::pace::on_epoch;
use crate::program::{classify, end_by_fault};
use crate::runtime::Shared;
use crate::schedule::spawn;

/// A compiled component with its imports resolved.
pub(crate) struct ComponentImage {
    pre: CommandPre<ComponentProcess>,
}

impl std::fmt::Debug for ComponentImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ComponentImage")
    }
}

impl ComponentImage {
    /// Links a compiled component.
    ///
    /// # Errors
    /// The text of what does not fit: an import this system does not have, or no `wasi:cli/run` among the exports.
    pub(crate) fn new(
        linker: &Linker<ComponentProcess>,
        component: &Component,
    ) -> Result<Self, String> {
        let pre = linker
            .instantiate_pre(component)
            .and_then(CommandPre::new)
            .map_err(|error| format!("{error:#}"))?;
        Ok(Self { pre })
    }
}

/// A component that is ready to run.
#[derive(Debug)]
pub(crate) struct ComponentProgram {
    pub(crate) shared: Arc<Shared>,
    pub(crate) image: Arc<ComponentImage>,
}

impl Program for ComponentProgram {
    fn start(self: Box<Self>, task: Arc<Task>) {
        let handle = self.shared.handle().clone();
        let own = Arc::clone(&task);
        let process = match ComponentProcess::new(Arc::clone(&task), &self.shared) {
            Ok(process) => process,
            Err(error) => {
                end_by_fault(&own, SigNum::SIGKILL, &error.to_string());
                own.finish();
                return;
            }
        };
        let engine = self.shared.engine().engine().clone();
        spawn(
            &handle,
            async move {
                let mut store = Store::new(&engine, process);
                store.limiter(|process| &mut process.limit);
                store.set_epoch_deadline(1);
                store.epoch_deadline_callback(on_epoch::<ComponentProcess>);
                // A wait for a timer is not the kernel's: the end of the process ends it from here.
                tokio::select! {
                    biased;
                    () = run(&mut store, &self.image, &task) => {}
                    () = ended(&task) => {}
                }
                drop(store);
                task.finish();
                None
            },
            &own,
        );
    }
}

/// Resolves when the process must end.
async fn ended(task: &Task) {
    loop {
        let waited: SysResult<Option<()>> = task
            .wait_until(&[], None, || task.must_end().then_some(Ok(())))
            .await;
        match waited {
            Ok(Some(())) => return,
            // A component has no handlers; what interrupted was settled.
            _ => tokio::task::yield_now().await,
        }
    }
}

async fn run(store: &mut Store<ComponentProcess>, image: &ComponentImage, task: &Arc<Task>) {
    let command: Command = match image.pre.instantiate_async(&mut *store).await {
        Ok(command) => command,
        Err(error) => {
            tracing::debug!(target: "cenote::exec", error = %format!("{error:#}"), "no instance");
            let note = if error.is::<PoolConcurrencyLimitError>() {
                "all WebAssembly instances of this host process are in use"
            } else {
                "the component could not be instantiated within its limits"
            };
            end_by_fault(task, SigNum::SIGKILL, note);
            return;
        }
    };
    let status = match command.wasi_cli_run().call_run(&mut *store).await {
        Ok(Ok(())) => 0,
        Ok(Err(())) => 1,
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => exit.0,
            None => {
                let stop = classify(task, &error);
                debug_assert_eq!(stop, Stop::End, "a component cannot exec");
                return;
            }
        },
    };
    // A status has eight bits, as for `exit` on Linux.
    let status = u8::try_from(status & 0xff).unwrap_or(u8::MAX);
    task.exit(WaitStatus::Exited(status));
}
