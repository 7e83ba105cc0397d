//! Files in memory: [`Tmpfs`]. Also the writable side of an [`overlay`](super::overlay()).
//!
//! `node` is a file of any kind; `directory` and `content` hold what two of the kinds are made of.
//! Inodes and bytes are charged to the machine's [`Budget`], names included, so that no guest can fill the host's memory.
//!
//! Lock order: `Shared::tree` (rename and rmdir: whoever locks two directories) → `Node::state` of directories →
//! `Node::state` of what is no directory → `Node::place`, `Shared::linked`. A layer below is asked while directories
//! are locked, never the other way round.
//!
//! Follows tmpfs(5). Differs: reading updates the access time as `relatime` does, without the daily refresh.

mod attributes;
mod content;
mod directory;
mod node;
mod rename;
mod snapshot;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cenote_abi::fs::{Mode, OVERLAYFS_SUPER_MAGIC, StatFs, TMPFS_MAGIC, Timespec};
use cenote_base::SysResult;
use cenote_base::clock::Clock;
use cenote_base::limits::{Budget, Charge, Resource};
use parking_lot::Mutex;

use self::node::Node;
use super::overlay::Layers;
use crate::filesystem::{FileSystem, next_device};
use crate::inode::{Inode, NewNode, NewOwner};

/// The size of block that `statfs` counts in.
const BLOCK: u64 = 4096;

/// A filesystem in memory.
pub struct Tmpfs {
    shared: Arc<Shared>,
    root: Arc<Node>,
}

/// What all files of one filesystem share.
struct Shared {
    device: u64,
    clock: Arc<dyn Clock>,
    budget: Arc<Budget>,
    next_ino: AtomicU64,
    /// Held by who locks two directories.
    tree: Mutex<()>,
    /// Whose files show through; kept in being. None for a plain tmpfs.
    layers: Vec<Arc<dyn FileSystem>>,
    /// A snapshot, which nothing changes any more.
    is_frozen: bool,
    /// Files of a layer with several names there, by the layer's numbers: one file here too.
    linked: Mutex<HashMap<(u64, u64), node::Linked>>,
}

impl Tmpfs {
    /// An empty filesystem whose top directory is the superuser's, with mode 755.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, budget: Arc<Budget>) -> Arc<Self> {
        Self::with_root(clock, budget, &NewOwner::root(Mode::from_raw(0o755)))
    }

    /// An empty filesystem with this owner and mode of the top directory (`/tmp`: mode 1777).
    #[must_use]
    pub fn with_root(clock: Arc<dyn Clock>, budget: Arc<Budget>, owner: &NewOwner) -> Arc<Self> {
        let shared = Shared::new(clock, budget, Vec::new(), false);
        let root = Node::new(&shared, NewNode::Directory, owner, None);
        Arc::new(Self { shared, root })
    }

    /// A writable filesystem over layers.
    pub(super) fn over(
        filesystems: &[Arc<dyn FileSystem>],
        clock: Arc<dyn Clock>,
        budget: Arc<Budget>,
    ) -> SysResult<Arc<Self>> {
        let layers = Layers::of_roots(filesystems);
        let shared = Shared::new(clock, budget, filesystems.to_vec(), false);
        let root = match layers.top() {
            Some(top) => Node::of_root(&shared, top, layers.clone())?,
            None => {
                let owner = NewOwner::root(Mode::from_raw(0o755));
                Node::new(&shared, NewNode::Directory, &owner, None)
            }
        };
        Ok(Arc::new(Self { shared, root }))
    }
}

impl Shared {
    fn new(
        clock: Arc<dyn Clock>,
        budget: Arc<Budget>,
        layers: Vec<Arc<dyn FileSystem>>,
        is_frozen: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            device: next_device(),
            clock,
            budget,
            next_ino: AtomicU64::new(1),
            tree: Mutex::new(()),
            layers,
            is_frozen,
            linked: Mutex::default(),
        })
    }

    fn now(&self) -> Timespec {
        self.clock.realtime()
    }

    fn next_ino(&self) -> u64 {
        self.next_ino.fetch_add(1, Ordering::Relaxed)
    }

    fn charge_inode(&self) -> SysResult<Charge> {
        self.budget.charge(Resource::Inodes, 1)
    }

    /// Makes a charge for bytes `amount` in all.
    fn charge_bytes(&self, charge: &mut Option<Charge>, amount: u64) -> SysResult {
        match charge {
            Some(charge) if charge.amount() == amount => Ok(()),
            Some(charge) => charge.resize(amount),
            None if amount == 0 => Ok(()),
            None => {
                *charge = Some(self.budget.charge(Resource::FilesystemBytes, amount)?);
                Ok(())
            }
        }
    }
}

impl FileSystem for Tmpfs {
    fn type_name(&self) -> &'static str {
        if self.shared.layers.is_empty() {
            "tmpfs"
        } else {
            "overlay"
        }
    }

    fn root(&self) -> Arc<dyn Inode> {
        Arc::<Node>::clone(&self.root)
    }

    fn statfs(&self) -> SysResult<StatFs> {
        let budget = &self.shared.budget;
        let limits = budget.limits();
        let used_blocks = budget.used(Resource::FilesystemBytes).div_ceil(BLOCK);
        let blocks = limits.filesystem_bytes / BLOCK;
        let free = blocks.saturating_sub(used_blocks);
        Ok(StatFs {
            magic: if self.shared.layers.is_empty() {
                TMPFS_MAGIC
            } else {
                OVERLAYFS_SUPER_MAGIC
            },
            block_size: BLOCK,
            blocks,
            free_blocks: free,
            available_blocks: free,
            files: limits.inodes,
            free_files: limits.inodes.saturating_sub(budget.used(Resource::Inodes)),
            id: self.shared.device,
            ..StatFs::default()
        })
    }

    fn is_read_only(&self) -> bool {
        self.shared.is_frozen
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // These files hold `Shared`, which holds them: let go of them now.
        let linked = std::mem::take(&mut *self.shared.linked.lock());
        drop(linked);
    }
}

impl fmt::Debug for Tmpfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tmpfs({})", self.shared.device)
    }
}

#[cfg(test)]
mod tests;
