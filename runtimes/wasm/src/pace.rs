//! How running guest code makes room for others: the epoch callback of every store.
//!
//! The engine's epoch moves with the ticker and with every kill. Then a store whose process must end is unwound, one that has had
//! its turn yields to the other tasks of its thread, and the limit of its processor time is looked at.

use std::sync::Arc;

use cenote_kernel::Task;
use wasmtime::{StoreContextMut, UpdateDeadline};

use crate::error::Stop;

/// What a process's turns need to remember.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    has_yielded: bool,
}

/// The data of a store, as the callback sees it.
pub(crate) trait Paced {
    /// The process's task.
    fn task(&self) -> &Arc<Task>;
    /// Its pace.
    fn pace(&mut self) -> &mut Pace;
}

/// Called in the middle of guest code when the epoch has moved: by the ticker, or because someone was killed.
pub(crate) fn on_epoch<T: Paced>(
    mut store: StoreContextMut<'_, T>,
) -> wasmtime::Result<UpdateDeadline> {
    let process = store.data_mut();
    let task = Arc::clone(process.task());
    if task.must_end() {
        return Err(Stop::End.into());
    }
    if !process.pace().should_yield() {
        return Ok(UpdateDeadline::Continue(1));
    }
    task.process().enforce_processor_limit();
    // With 0 ticks the callback runs again right after the pause, and sees what happened meanwhile.
    Ok(UpdateDeadline::YieldCustom(
        0,
        Box::pin(async move {
            if task.has_deliverable_signal() {
                // Stops are waited out here; handlers wait for the next call.
                task.settle_signals().await;
            }
            tokio::task::yield_now().await;
        }),
    ))
}

impl Pace {
    /// Turns every second look at the epoch into a yield: true means yield now.
    fn should_yield(&mut self) -> bool {
        self.has_yielded = !self.has_yielded;
        self.has_yielded
    }
}
