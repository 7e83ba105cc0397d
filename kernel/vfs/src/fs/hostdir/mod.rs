//! A directory of the host: [`HostDir`]. The only part of the filesystem layer that touches the host.
//!
//! Every call to the host names one component relative to an open directory, and never follows a link: paths and
//! symbolic links are walked by the machine's own [`lookup`](crate::lookup), so that `..`, an absolute link or a link
//! planted while somebody looks lead back into the machine's tree. What is opened is compared with what was found
//! (device and inode), and cap-std stands between us and the host besides. Devices, sockets and named pipes of the host
//! are seen but cannot be opened.
//!
//! The host's files are shown as one user's of the machine; the host's own permissions still hold, as the user this
//! program runs as. A guest that may write can make symbolic links whose targets other host programs would follow.
//!
//! Lock order: `Shared::nodes`, `Kept::ring`, `Node::place` and `Node::appending` are leaves, held over calls to the
//! host only where two of them must be one (`appending`).

mod errors;
mod kept;
mod listing;
mod node;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::hash::RandomState;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, MetadataExt};
use cenote_abi::Errno;
use cenote_abi::fs::StatFs;
use cenote_base::{Gid, SysError, SysResult, Uid};
use parking_lot::Mutex;

use self::kept::Kept;
use self::node::Node;
use crate::filesystem::{FileSystem, next_device};
use crate::inode::Inode;

/// How a directory of the host is shown.
#[derive(Clone, Debug, Default)]
pub struct HostDirOptions {
    /// Whether guests may change it. Off, every change is refused.
    pub writable: bool,
    /// What a change is refused with, where it is not `EROFS` as of a read-only mount: `EACCES` for an overlay that
    /// shall look like another user's files.
    pub refusal: Option<Errno>,
    /// Whether regular files can be run whatever mode the host gives them: build outputs often lack the bit.
    pub all_executable: bool,
    /// Whose the files are in the machine.
    pub uid: Uid,
    /// Which group's the files are in the machine.
    pub gid: Gid,
    /// By how many bytes guests may lengthen files, all together, before they get `ENOSPC`. Removing gives nothing back.
    pub growth_limit: Option<u64>,
}

/// A directory of the host as a filesystem.
pub struct HostDir {
    shared: Arc<Shared>,
    root: Arc<Node>,
}

/// What all files of one host directory share.
struct Shared {
    options: HostDirOptions,
    device: u64,
    /// The host's number of the filesystem the top is on.
    host_device: u64,
    grown: AtomicU64,
    /// The files somebody holds, by the host's device and inode numbers.
    nodes: Mutex<HashMap<(u64, u64), Weak<Node>>>,
    kept: Kept,
    hasher: RandomState,
}

impl HostDir {
    /// Opens a directory of the host.
    ///
    /// # Errors
    /// Those of the host.
    pub fn open(path: &Path, options: HostDirOptions) -> io::Result<Arc<Self>> {
        Self::new(Dir::open_ambient_dir(path, ambient_authority())?, options)
    }

    /// Shows a directory of the host that is open.
    ///
    /// # Errors
    /// Those of the host.
    pub fn new(dir: Dir, options: HostDirOptions) -> io::Result<Arc<Self>> {
        let metadata = dir.dir_metadata()?;
        let shared = Arc::new(Shared {
            options,
            device: next_device(),
            host_device: metadata.dev(),
            grown: AtomicU64::new(0),
            nodes: Mutex::default(),
            kept: Kept::default(),
            hasher: RandomState::new(),
        });
        let root = Node::of_root(&shared, &metadata, dir);
        Ok(Arc::new(Self { shared, root }))
    }
}

impl Drop for HostDir {
    fn drop(&mut self) {
        // What is kept refers to what all share, which would so never go.
        self.shared.kept.close();
    }
}

impl Shared {
    fn check_writable(&self) -> SysResult {
        if self.options.writable {
            return Ok(());
        }
        Err(SysError::with_note(
            self.options.refusal.unwrap_or(Errno::EROFS),
            "this directory of the host is shown read-only",
        ))
    }

    /// Counts bytes by which a file is about to be longer.
    fn grow(&self, bytes: u64) -> SysResult {
        let Some(limit) = self.options.growth_limit else {
            return Ok(());
        };
        let grown = self
            .grown
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |grown| {
                grown.checked_add(bytes).filter(|grown| *grown <= limit)
            });
        match grown {
            Ok(_) => Ok(()),
            Err(_) => Err(SysError::with_note(
                Errno::ENOSPC,
                "the growth limit of this host directory is reached",
            )),
        }
    }

    /// The inode number shown: the host's, made distinct for other filesystems below the top.
    fn shown_ino(&self, metadata: &Metadata) -> u64 {
        metadata.ino() ^ (metadata.dev() ^ self.host_device).rotate_left(32)
    }
}

impl FileSystem for HostDir {
    fn type_name(&self) -> &'static str {
        "hostdir"
    }

    fn root(&self) -> Arc<dyn Inode> {
        Arc::<Node>::clone(&self.root)
    }

    fn statfs(&self) -> SysResult<StatFs> {
        self.root.statfs()
    }

    fn is_read_only(&self) -> bool {
        !self.shared.options.writable && self.shared.options.refusal.is_none()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl fmt::Debug for HostDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostDir({:?})", self.shared.options)
    }
}

#[cfg(test)]
mod tests;
