//! How running guest code makes room for others: the epoch callback of every store.
//!
//! The engine's epoch moves with the ticker and with every kill. Then a store whose process must end is unwound, one that has had
//! its turn yields to the other tasks of its thread, and `RLIMIT_CPU` is looked at.

use std::sync::Arc;

use cenote_abi::SigNum;
use cenote_abi::limits::{RLIM_INFINITY, Resource};
use cenote_kernel::Task;
use wasmtime::{StoreContextMut, UpdateDeadline};

use crate::error::Stop;

/// What a process's turns need to remember.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    has_yielded: bool,
    last_cpu_second: u64,
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
    process.pace().enforce_cpu_limit(&task);
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

    /// `RLIMIT_CPU`: a `SIGXCPU` each second past the soft limit, the end at the hard one. See getrlimit(2).
    fn enforce_cpu_limit(&mut self, task: &Task) {
        let limit = task.process().rlimits().lock().of(Resource::RLIMIT_CPU);
        if limit.soft == RLIM_INFINITY {
            return;
        }
        let used = task.process().usage().own().user_time.as_secs();
        let signal = if used >= limit.hard {
            SigNum::SIGKILL
        } else if used >= limit.soft && self.is_new_cpu_second(used) {
            SigNum::SIGXCPU
        } else {
            return;
        };
        tracing::debug!(target: "cenote::limit", option = "RLIMIT_CPU", pid = %task.pid(), used, %signal, "limit reached");
        if let Err(error) = task.kernel().kill(task.pid(), signal) {
            tracing::debug!(target: "cenote::limit", pid = %task.pid(), %error, "no such process any more");
        }
    }

    /// Tells whether `used` seconds of processor time are more than when this was asked last.
    fn is_new_cpu_second(&mut self, used: u64) -> bool {
        let before = std::mem::replace(&mut self.last_cpu_second, used.max(1));
        used > before || before == 0
    }
}
