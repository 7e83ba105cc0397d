//! Any filesystem of the `vfs` crate as one of ours: [`AdapterFs`].
//!
//! That crate knows files by path, opens them for reading, for replacing or for appending, and has neither links nor
//! modes nor inodes. Here a file has a node while somebody holds it; the first write takes its content into memory,
//! where reads see it at once, and it goes back when the last descriptor is closed or on `fsync`.
//! All files are shown as one user's, with mode 755 and 644. Names must be UTF-8. Hard and symbolic links, devices and
//! changes of mode and owner are `EPERM`; replacing a file by rename removes it first (not in one step).
//!
//! Lock order: `Shared::nodes`, then `Node::state`. The filesystem behind is called with `Node::state` held.

mod convert;
mod node;
mod open;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use cenote_abi::fs::{FUSE_SUPER_MAGIC, StatFs};
use cenote_base::limits::Budget;
use cenote_base::{Gid, SysResult, Uid};
use parking_lot::Mutex;
use vfs::VfsPath;

pub use self::convert::errno;
use self::node::Node;
use crate::filesystem::{FileSystem, next_device};
use crate::inode::Inode;

/// A filesystem of the `vfs` crate.
pub struct AdapterFs {
    root: Arc<Node>,
    shared: Arc<Shared>,
}

/// What all files of one filesystem share.
struct Shared {
    device: u64,
    uid: Uid,
    gid: Gid,
    /// Pays for content that is in memory until it is written back.
    budget: Arc<Budget>,
    /// The files somebody holds, by path.
    nodes: Mutex<HashMap<String, Weak<Node>>>,
}

impl AdapterFs {
    /// Shows what is at and below `root`, as files of this user and group.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`: `root` is no directory. Those of the filesystem.
    pub fn new(root: VfsPath, uid: Uid, gid: Gid, budget: Arc<Budget>) -> SysResult<Arc<Self>> {
        let shared = Arc::new(Shared {
            device: next_device(),
            uid,
            gid,
            budget,
            nodes: Mutex::default(),
        });
        let root = Node::of_root(&shared, root)?;
        Ok(Arc::new(Self { root, shared }))
    }
}

impl FileSystem for AdapterFs {
    fn type_name(&self) -> &'static str {
        "vfs"
    }

    fn root(&self) -> Arc<dyn Inode> {
        Arc::<Node>::clone(&self.root)
    }

    fn statfs(&self) -> SysResult<StatFs> {
        Ok(StatFs {
            magic: FUSE_SUPER_MAGIC,
            block_size: 4096,
            id: self.shared.device,
            ..StatFs::default()
        })
    }

    fn sync(&self) -> SysResult {
        let held: Vec<Arc<Node>> = self
            .shared
            .nodes
            .lock()
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        held.iter().try_for_each(|node| node.write_back())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl fmt::Debug for AdapterFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AdapterFs({})", self.shared.device)
    }
}

#[cfg(test)]
mod tests;
