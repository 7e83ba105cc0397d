//! How much of the processor a process may use: `RLIMIT_CPU` and the machine's own limit, looked at by the runtime that runs it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cenote_abi::SigNum;
use cenote_abi::limits::{RLIM_INFINITY, Resource};

use super::Process;
use crate::signal::send::send_kernel;

/// The option for the processor time of a process.
pub const CPU_TIME: &str = "limits.cpu_time";

const SECOND: Duration = Duration::from_secs(1);

/// `RLIMIT_CPU` in whole seconds, as time.
fn seconds(limit: u64) -> Duration {
    if limit == RLIM_INFINITY {
        Duration::MAX
    } else {
        Duration::from_secs(limit)
    }
}

impl Process {
    /// Sends what the process's use of the processor calls for: `SIGXCPU` at the soft limit and each second after it, `SIGKILL` at the hard
    /// one. The machine's limit is a soft one, with a hard one a second later. See getrlimit(2).
    ///
    /// Answers how much more the process may use until there is something to send, or `None` while nothing limits it.
    pub fn enforce_processor_limit(self: &Arc<Self>) -> Option<Duration> {
        let kernel = self.kernel()?;
        let machine = kernel.budget().limits().cpu_time;
        let own = self.rlimits().lock().of(Resource::Cpu);
        if own.soft == RLIM_INFINITY && machine.is_none() {
            return None;
        }
        let machine = machine.unwrap_or(Duration::MAX);
        let soft = seconds(own.soft).min(machine);
        let hard = seconds(own.hard).min(machine.saturating_add(SECOND));
        let usage = self.usage().own();
        let used = usage.user_time.saturating_add(usage.system_time);
        if used >= hard {
            self.tell_limit(used, SigNum::SIGKILL);
            return Some(SECOND);
        }
        let next = match used.checked_sub(soft) {
            Some(beyond) => {
                let warnings = beyond.as_secs() + 1;
                if self.usage().warnings.fetch_max(warnings, Ordering::Relaxed) < warnings {
                    self.tell_limit(used, SigNum::SIGXCPU);
                }
                soft.saturating_add(Duration::from_secs(warnings))
            }
            None => soft,
        };
        Some(next.min(hard).saturating_sub(used))
    }

    fn tell_limit(self: &Arc<Self>, used: Duration, signal: SigNum) {
        if let Some(kernel) = self.kernel()
            && let Some(limit) = kernel.budget().limits().cpu_time
            && used >= limit
            && let Some(watch) = kernel.budget().watch()
        {
            let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            watch.reached(CPU_TIME, milliseconds(used), milliseconds(limit));
        }
        tracing::debug!(target: "cenote::limit", option = "limits.cpu_time", pid = %self.pid(), ?used, %signal, "limit reached");
        send_kernel(self, signal);
    }
}
