//! The limits of a machine by the names of their options, and what it uses of each: [`ResourceUse`].
//!
//! Three kinds: what a machine has together (counted by the kernel's budget), what each process has for itself (the use of the one that uses most is
//! told), and what one call has (its output, its time: the call's result says what came of it, and no row is here).

use std::time::Duration;

use cenote_base::SysError;
use cenote_base::limits::Resource;
use cenote_kernel::Kernel;
use cenote_kernel::process::CPU_TIME;
use cenote_kernel::syscall::fd::OPEN_FILES_PER_PROCESS;

use crate::host::MemoryLimits;
use crate::{Error, NodeRuntime};

/// What processes have for themselves in memory: methods of [`NodeRuntimeBuilder`](crate::NodeRuntimeBuilder).
const WASM_MEMORY: &str = "wasm_memory";
const JS_HEAP: &str = "js_heap";
const ARRAY_BUFFERS: &str = "array_buffers";

/// Options that the contract calls otherwise.
const OTHERWISE: &[(&str, &str)] = &[
    (WASM_MEMORY, "limits.wasm_memory_bytes"),
    (JS_HEAP, "limits.js_heap_bytes"),
    (ARRAY_BUFFERS, "limits.array_buffers_bytes"),
    (CPU_TIME, "limits.cpu_time_ms"),
];

/// An option's name in the contract of the sidecar.
#[doc(hidden)]
#[must_use]
pub fn contract_option(option: &str) -> &str {
    let found = OTHERWISE.iter().find(|(own, _)| *own == option);
    found.map_or(option, |(_, theirs)| theirs)
}

/// The option that the contract calls so.
pub(crate) fn option_of_contract(name: &str) -> Option<&'static str> {
    let own = OTHERWISE.iter().find(|(_, theirs)| *theirs == name);
    let own = own.map(|(own, _)| *own);
    let counted = Resource::ALL.iter().map(|resource| resource.option());
    own.or_else(|| {
        counted
            .chain([OPEN_FILES_PER_PROCESS])
            .find(|option| *option == name)
    })
}

/// The note of the kernel's errors at a limit of this option.
pub(crate) fn note(option: &str) -> Option<&'static str> {
    let counted = Resource::ALL.iter().find(|one| one.option() == option);
    counted.map(|resource| resource.note())
}

/// The option whose limit is the cause, if one is.
pub(crate) fn limit_behind(cause: SysError) -> Option<&'static str> {
    let note = cause.note()?;
    let counted = Resource::ALL.iter().find(|one| one.note() == note);
    counted.map(|resource| resource.option())
}

/// The option whose limit a text of ours names as the cause, if one does.
pub(crate) fn limit_named(text: &str) -> Option<&'static str> {
    let counted = Resource::ALL.iter().find(|one| text.contains(one.note()));
    counted.map(|resource| resource.option())
}

/// How much of one limit a machine uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResourceUse {
    /// The option that changes the limit, such as `limits.processes` or `js_heap`.
    pub option: &'static str,
    /// How much is in use: a count, bytes, or milliseconds. Of what each process has for itself, the use of the one that uses most; a JavaScript heap
    /// as of its last collection.
    pub used: u64,
    /// The limit, in the same unit.
    pub limit: u64,
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What a machine of this process uses.
fn uses(kernel: &Kernel, memory: MemoryLimits) -> Vec<ResourceUse> {
    let budget = kernel.budget();
    let mut all: Vec<ResourceUse> = Resource::ALL
        .iter()
        .map(|resource| ResourceUse {
            option: resource.option(),
            used: budget.used(*resource),
            limit: budget.limit(*resource),
        })
        .collect();
    let living = kernel.living();
    all.push(ResourceUse {
        option: OPEN_FILES_PER_PROCESS,
        used: living
            .iter()
            .map(|process| process.files().len() as u64)
            .max()
            .unwrap_or(0),
        limit: budget.limits().open_files_per_process,
    });
    for (option, limit) in [
        (WASM_MEMORY, memory.wasm),
        (JS_HEAP, memory.heap as u64),
        (ARRAY_BUFFERS, memory.array_buffers as u64),
    ] {
        all.push(ResourceUse {
            option,
            used: budget.most_used(option),
            limit,
        });
    }
    if let Some(limit) = budget.limits().cpu_time {
        let used = living.iter().map(|process| {
            let own = process.usage().own();
            milliseconds(own.user_time.saturating_add(own.system_time))
        });
        all.push(ResourceUse {
            option: CPU_TIME,
            used: used.max().unwrap_or(0),
            limit: milliseconds(limit),
        });
    }
    all
}

impl NodeRuntime {
    /// Tells how much of each limit the machine uses now. A limit that is not set (`limits.cpu_time`) has no row, nor has what one call has for itself:
    /// its output and its time.
    ///
    /// # Errors
    /// [`Error::Disposed`].
    pub fn resources(&self) -> Result<Vec<ResourceUse>, Error> {
        if let Some(remote) = self.machine.remote() {
            return remote.resources();
        }
        Ok(uses(&*self.machine.kernel()?, self.machine.memory()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_has_one_name_in_the_contract_and_comes_back() {
        let counted = Resource::ALL.iter().map(|resource| resource.option());
        let own = [
            OPEN_FILES_PER_PROCESS,
            WASM_MEMORY,
            JS_HEAP,
            ARRAY_BUFFERS,
            CPU_TIME,
        ];
        for option in counted.chain(own) {
            let there = contract_option(option);
            assert!(there.starts_with("limits."), "{there}");
            assert_eq!(option_of_contract(there), Some(option));
        }
    }
}
