//! A filesystem that somebody answers call by call, by path: [`RemoteFs`] over a [`RemoteTree`]. The embedder's, say, over a wire.
//!
//! Nothing is kept here: every look asks, so what the other side changes is seen at once, and what is written has arrived when the call returns.
//! A call takes as long as the answer does; whoever implements [`RemoteTree`] bounds that, and ends it when the guest has to end
//! ([`cenote_base::wait::current`]).
//!
//! Where it differs from a disk: a file is its path, so one that is removed while it is open answers `ESTALE` from then on; two names of
//! one file (hard links) are two files to the tree; writes are at most [`MAX_TRANSFER`] bytes each.
//!
//! Lock order: `Shared::nodes`, then `Node::path`, neither over a call. `Node::appending` is held over the calls of one append: it concerns
//! those who append to the same file.

mod listing;
mod node;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::hash::RandomState;
use std::sync::{Arc, Weak};

use cenote_abi::fs::{FUSE_SUPER_MAGIC, FileType, StatFs, Timespec};
use cenote_base::SysResult;
use parking_lot::Mutex;

use self::node::Node;
use crate::filesystem::{FileSystem, next_device};
use crate::inode::{AttributeChanges, Inode};

/// The most bytes of one read or write: 1 MiB.
pub const MAX_TRANSFER: usize = 1 << 20;

/// What a path of a [`RemoteTree`] names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RemoteStat {
    /// The kind of file.
    pub kind: FileType,
    /// In bytes.
    pub size: u64,
    /// The low twelve bits of `st_mode`.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Its number; 0: one is made of the path.
    pub ino: u64,
    /// How many names it has; 0: one.
    pub nlink: u64,
    /// When it was last read.
    pub atime: Timespec,
    /// When its content last changed.
    pub mtime: Timespec,
    /// When its attributes last changed.
    pub ctime: Timespec,
}

/// Who answers. Paths are relative to the top, without a leading slash; the empty path is the top. Links are never followed.
///
/// Every method may answer any errno; `ENOSYS` where it has no such thing.
#[expect(
    missing_docs,
    clippy::missing_errors_doc,
    reason = "they are the calls of their names"
)]
pub trait RemoteTree: Send + Sync + fmt::Debug + 'static {
    fn stat(&self, path: &[u8]) -> SysResult<RemoteStat>;
    /// Names and kinds, without `.` and `..`, in any order.
    fn read_dir(&self, path: &[u8]) -> SysResult<Vec<(Vec<u8>, FileType)>>;
    /// At most `len` bytes; fewer only at the end.
    fn read(&self, path: &[u8], offset: u64, len: usize) -> SysResult<Vec<u8>>;
    /// All of `bytes`, at most [`MAX_TRANSFER`].
    fn write(&self, path: &[u8], offset: u64, bytes: &[u8]) -> SysResult;
    /// Makes an empty file; `EEXIST`.
    fn create(&self, path: &[u8], mode: u32) -> SysResult;
    fn truncate(&self, path: &[u8], size: u64) -> SysResult;
    fn mkdir(&self, path: &[u8], mode: u32) -> SysResult;
    fn unlink(&self, path: &[u8]) -> SysResult;
    fn rmdir(&self, path: &[u8]) -> SysResult;
    /// Replaces what is there.
    fn rename(&self, from: &[u8], to: &[u8]) -> SysResult;
    fn symlink(&self, target: &[u8], path: &[u8]) -> SysResult;
    fn read_link(&self, path: &[u8]) -> SysResult<Vec<u8>>;
    fn link(&self, from: &[u8], to: &[u8]) -> SysResult;
    /// Mode, owner and times; sizes come by `truncate`.
    fn set_attributes(&self, path: &[u8], changes: &AttributeChanges) -> SysResult;
}

/// A filesystem answered by a [`RemoteTree`].
pub struct RemoteFs {
    shared: Arc<Shared>,
    root: Arc<Node>,
}

/// What all files of one filesystem share.
struct Shared {
    tree: Arc<dyn RemoteTree>,
    is_writable: bool,
    device: u64,
    /// The files somebody holds, by path.
    nodes: Mutex<HashMap<Vec<u8>, Weak<Node>>>,
    hasher: RandomState,
}

impl RemoteFs {
    /// Shows a tree. Nothing is asked before somebody looks.
    #[must_use]
    pub fn new(tree: Arc<dyn RemoteTree>, is_writable: bool) -> Arc<Self> {
        let shared = Arc::new(Shared {
            tree,
            is_writable,
            device: next_device(),
            nodes: Mutex::default(),
            hasher: RandomState::new(),
        });
        let root = Node::of_root(&shared);
        Arc::new(Self { shared, root })
    }
}

impl FileSystem for RemoteFs {
    fn type_name(&self) -> &'static str {
        "remote"
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

    fn is_read_only(&self) -> bool {
        !self.shared.is_writable
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl fmt::Debug for RemoteFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteFs({:?})", self.shared.tree)
    }
}

#[cfg(test)]
mod tests;
