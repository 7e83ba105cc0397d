//! Digests of program files that can change: remembered by what `stat` says of them.
//!
//! Files of images bring their digest along. For all others reading and hashing the whole file would be most of what
//! an exec costs, so [`DigestCache`] keeps the digest under device, inode, size and both times. A change shows in the
//! change time, which guests cannot set; where that is younger than [`SETTLED`] a second change could hide behind the
//! same time (hosts count in milliseconds), so nothing is remembered yet.
//!
//! Lock order: `known` is a leaf.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cenote_abi::fs::{Stat, Timespec};

use crate::module_cache::Digest;

/// How old a change must be before its time tells it from the next one.
const SETTLED: Duration = Duration::from_secs(2);

/// Files remembered; past it all are forgotten.
const MAX_FILES: usize = 1_024;

/// What identifies a file's content as far as `stat` can.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct FileState {
    device: u64,
    inode: u64,
    size: u64,
    modified: Timespec,
    changed: Timespec,
}

impl From<&Stat> for FileState {
    fn from(stat: &Stat) -> Self {
        Self {
            device: stat.dev,
            inode: stat.ino,
            size: stat.size,
            modified: stat.mtime,
            changed: stat.ctime,
        }
    }
}

/// Digests by file.
#[derive(Debug, Default)]
pub(crate) struct DigestCache {
    known: Mutex<HashMap<FileState, Digest>>,
}

impl DigestCache {
    /// The digest of a file in this state.
    pub(crate) fn get(&self, state: &FileState) -> Option<Digest> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(state)
            .copied()
    }

    /// Remembers a digest that was made while the file was in this state before and after.
    pub(crate) fn put(&self, state: FileState, digest: Digest, now: Timespec) {
        if state.changed.saturating_add(SETTLED) > now {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_FILES {
            known.clear();
        }
        known.insert(state, digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(changed: i64) -> FileState {
        let time = Timespec {
            sec: changed,
            nsec: 0,
        };
        FileState {
            device: 1,
            inode: 2,
            size: 3,
            modified: time,
            changed: time,
        }
    }

    #[test]
    fn a_digest_is_kept_once_the_change_has_settled() {
        let cache = DigestCache::default();
        cache.put(state(10), [1; 32], Timespec { sec: 11, nsec: 0 });
        assert_eq!(cache.get(&state(10)), None);
        cache.put(state(10), [1; 32], Timespec { sec: 13, nsec: 0 });
        assert_eq!(cache.get(&state(10)), Some([1; 32]));
        assert_eq!(cache.get(&state(11)), None);
    }
}
