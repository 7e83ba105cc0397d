//! The limits of one process: getrlimit(2).

use cenote_abi::limits::{RLimit, Resource};

const COUNT: usize = Resource::ALL.len();

/// Soft and hard limits of a process, one pair a resource.
#[derive(Clone, Debug)]
pub struct RLimits {
    table: [RLimit; COUNT],
}

impl RLimits {
    /// What a first process gets: `max_open_files` descriptors, an 8 MiB stack, no core files, the rest unlimited.
    #[must_use]
    pub fn initial(max_open_files: u64) -> Self {
        let mut limits = Self {
            table: [RLimit::UNLIMITED; COUNT],
        };
        limits.set(
            Resource::OpenFiles,
            RLimit {
                soft: max_open_files,
                hard: max_open_files,
            },
        );
        limits.set(
            Resource::Stack,
            RLimit {
                soft: 8 << 20,
                hard: RLimit::UNLIMITED.hard,
            },
        );
        limits.set(
            Resource::Core,
            RLimit {
                soft: 0,
                hard: RLimit::UNLIMITED.hard,
            },
        );
        limits
    }

    /// The pair for one resource.
    #[must_use]
    pub fn of(&self, resource: Resource) -> RLimit {
        self.table[resource as usize]
    }

    /// Replaces the pair for one resource; whether that is permitted is the caller's matter.
    pub fn set(&mut self, resource: Resource, limit: RLimit) {
        self.table[resource as usize] = limit;
    }
}
