//! The limits of one process: getrlimit(2).

use cenote_abi::limits::{RLIM_INFINITY, RLimit, Resource};

/// Soft and hard limits of a process, one pair a resource.
#[derive(Clone, Debug)]
pub struct RLimits {
    table: [RLimit; Resource::ALL.len()],
}

impl RLimits {
    /// What a first process gets: 1,024 descriptors (hard `max_open_files`), an 8 MiB stack, no core files, the rest unlimited.
    #[must_use]
    pub fn initial(max_open_files: u64) -> Self {
        let mut limits = Self { table: [RLimit { soft: RLIM_INFINITY, hard: RLIM_INFINITY }; Resource::ALL.len()] };
        limits.set(Resource::OpenFiles, RLimit { soft: max_open_files.min(1_024), hard: max_open_files });
        limits.set(Resource::Stack, RLimit { soft: 8 << 20, hard: RLIM_INFINITY });
        limits.set(Resource::Core, RLimit { soft: 0, hard: RLIM_INFINITY });
        limits
    }

    /// The pair for one resource.
    #[must_use]
    pub fn of(&self, resource: Resource) -> RLimit {
        self.table[slot(resource)]
    }

    /// Replaces the pair for one resource; whether that is permitted is the caller's matter.
    pub fn set(&mut self, resource: Resource, limit: RLimit) {
        self.table[slot(resource)] = limit;
    }
}

/// A resource's place in the table: its number, which is less than the table's length.
fn slot(resource: Resource) -> usize {
    usize::try_from(resource.raw()).expect("resources are numbered from 0")
}
