//! Directories whose handles stay open for a while: [`Kept`].
//!
//! Every component of a path is looked up in an open directory of the host. Without this, a directory that no guest holds
//! would be opened, checked and closed for every path that leads through it: a program that loads a thousand modules does
//! little else. What a name means is still asked of the host every time; only the handle is not opened anew.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::node::Node;

/// How many directories of one mount are kept.
const OF_ONE_MOUNT: usize = 64;
/// How many directories of all mounts of this process are kept: each is a file descriptor of the host.
const OF_ALL: usize = 256;

/// How many are kept now.
static ALL: AtomicUsize = AtomicUsize::new(0);

/// The directories of one mount that are kept open, those not used lately let go first.
#[derive(Default)]
pub(super) struct Kept {
    ring: Mutex<Ring>,
}

#[derive(Default)]
struct Ring {
    directories: VecDeque<Arc<Node>>,
    /// Whether the mount is gone: nothing is kept any more, and so nothing keeps itself.
    is_closed: bool,
}

impl Kept {
    /// Keeps a directory that was just opened, perhaps in the place of another.
    pub(super) fn keep(&self, directory: Arc<Node>) {
        let mut ring = self.ring.lock();
        if ring.is_closed {
            return;
        }
        let may_grow = ring.directories.len() < OF_ONE_MOUNT
            && ALL
                .try_update(Ordering::Relaxed, Ordering::Relaxed, |all| {
                    (all < OF_ALL).then_some(all + 1)
                })
                .is_ok();
        let evicted = if may_grow {
            None
        } else {
            match ring.evict() {
                Some(evicted) => Some(evicted),
                // Other mounts have all there is.
                None => return,
            }
        };
        ring.directories.push_back(directory);
        drop(ring);
        // Closes the host's handle; not under the lock.
        drop(evicted);
    }

    /// How many are kept.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.ring.lock().directories.len()
    }

    /// Lets everything go, and keeps nothing from now on.
    pub(super) fn close(&self) {
        let mut ring = self.ring.lock();
        ring.is_closed = true;
        let directories = std::mem::take(&mut ring.directories);
        drop(ring);
        ALL.fetch_sub(directories.len(), Ordering::Relaxed);
    }
}

impl Ring {
    /// Takes out the oldest that was not used since it was last passed over.
    fn evict(&mut self) -> Option<Arc<Node>> {
        for _ in 0..self.directories.len() {
            let oldest = self.directories.pop_front()?;
            if !oldest.take_used() {
                return Some(oldest);
            }
            self.directories.push_back(oldest);
        }
        self.directories.pop_front()
    }
}
