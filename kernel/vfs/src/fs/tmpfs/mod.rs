//! Files in memory: [`Tmpfs`]. Also the writable side of an [`overlay`](super::overlay()).
//!
//! `table` has the files by their numbers and is what a snapshot copies; `directory` and `content` hold what two of the kinds are made
//! of; `node` is a file in use, which finds its data in the table; `live` knows which files are in use.
//! Inodes and bytes are charged to the machine's [`Budget`], names included, so that no guest can fill the host's memory.
//!
//! Lock order: `Shared::files` (one lock over all of a filesystem's files, so that each verb, and a snapshot, is one step) →
//! `Shared::live` → `Node::listing`, `Node::found`. A layer below is asked while `files` is held, never the other way round. No `Arc` of a node is dropped
//! while one of these is held: the last one takes them.
//!
//! Follows tmpfs(5). Differs: reading updates the access time as `relatime` does, without the daily refresh; never that of a layer's
//! file that nobody changed.

mod attributes;
mod changes;
mod content;
mod directory;
mod live;
mod node;
mod rename;
mod snapshot;
mod table;
mod trie;

pub use changes::Change;
pub use snapshot::Snapshot;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use cenote_abi::fs::{Mode, OVERLAYFS_SUPER_MAGIC, StatFs, TMPFS_MAGIC, Timespec};
use cenote_base::SysResult;
use cenote_base::clock::Clock;
use cenote_base::limits::{Budget, Resource};
use parking_lot::{Mutex, RwLock};

use self::attributes::Attributes;
use self::directory::Directory;
use self::live::Live;
use self::node::Node;
use self::table::{Body, File, Files, Meter, Table};
use super::overlay::Layers;
use crate::filesystem::{FileSystem, next_device};
use crate::inode::{Inode, NewOwner};

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
    files: RwLock<Files>,
    live: Mutex<Live>,
    /// Whose files show through; kept in being. None for a plain tmpfs.
    layers: Vec<Arc<dyn FileSystem>>,
    /// Nothing of it changes, not even by reading: a layer that many machines share.
    is_frozen: bool,
}

/// The number of the top directory.
const ROOT: u64 = 1;

impl Tmpfs {
    /// An empty filesystem whose top directory is the superuser's, with mode 755.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, budget: Arc<Budget>) -> Arc<Self> {
        Self::with_root(clock, budget, &NewOwner::root(Mode::from_raw(0o755)))
    }

    /// An empty filesystem with this owner and mode of the top directory (`/tmp`: mode 1777).
    #[must_use]
    pub fn with_root(clock: Arc<dyn Clock>, budget: Arc<Budget>, owner: &NewOwner) -> Arc<Self> {
        let attributes = Attributes::new(owner, 2, 0, clock.realtime());
        Self::made(Vec::new(), attributes, Directory::new(0), clock, budget)
    }

    /// A writable filesystem over layers.
    pub(super) fn over(
        filesystems: &[Arc<dyn FileSystem>],
        clock: Arc<dyn Clock>,
        budget: Arc<Budget>,
    ) -> SysResult<Arc<Self>> {
        let layers = Layers::of_roots(filesystems);
        let Some(top) = layers.top() else {
            return Ok(Self::new(clock, budget));
        };
        let attributes = Attributes::copied(&top.stat()?);
        let directory = Directory::over(layers, 0);
        Ok(Self::made(
            filesystems.to_vec(),
            attributes,
            directory,
            clock,
            budget,
        ))
    }

    fn made(
        layers: Vec<Arc<dyn FileSystem>>,
        attributes: Attributes,
        top: Directory,
        clock: Arc<dyn Clock>,
        budget: Arc<Budget>,
    ) -> Arc<Self> {
        let mut table = Table::default();
        // The first number is the top's.
        let root = table.next_ino();
        let body = Body::Directory(Box::new(top));
        table.insert(root, File::new(attributes, body));
        let meter = Meter::new(&budget, 0, 0).expect("nothing is always granted");
        Self::of(Shared::new(clock, budget, layers, Files { table, meter }))
    }

    fn of(shared: Arc<Shared>) -> Arc<Self> {
        let root = Node::of_root(&shared);
        Arc::new(Self { shared, root })
    }
}

impl Shared {
    fn new(
        clock: Arc<dyn Clock>,
        budget: Arc<Budget>,
        layers: Vec<Arc<dyn FileSystem>>,
        files: Files,
    ) -> Arc<Self> {
        Arc::new(Self::plain(clock, budget, layers, files))
    }

    fn plain(
        clock: Arc<dyn Clock>,
        budget: Arc<Budget>,
        layers: Vec<Arc<dyn FileSystem>>,
        files: Files,
    ) -> Self {
        Self {
            device: next_device(),
            clock,
            budget,
            files: RwLock::new(files),
            live: Mutex::default(),
            layers,
            is_frozen: false,
        }
    }

    fn now(&self) -> Timespec {
        self.clock.realtime()
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
        let recent = self.shared.live.lock().close();
        drop(recent);
    }
}

impl fmt::Debug for Tmpfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tmpfs({})", self.shared.device)
    }
}

#[cfg(test)]
mod tests;
