//! What a machine sees besides its own tree: directories of the host ([`HostMount`]), filesystems of the `vfs` crate.

use std::path::PathBuf;
use std::sync::Arc;

use crate::Error;
use crate::host_files::{Adapted, HostFilesMount};

/// What a guest may do to a mounted host directory.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MountAccess {
    /// Read only: changes answer `EROFS`.
    #[default]
    ReadOnly,
    /// Reads and changes reach the host.
    ReadWrite,
}

/// A directory of the host and where the machine sees it. Links inside it never lead out of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostMount {
    /// The directory on the host.
    pub host: PathBuf,
    /// The absolute path in the machine; made if it is not there.
    pub guest: String,
    /// Whether guests may change it.
    pub access: MountAccess,
    /// By how many bytes guests may lengthen its files, all together, before they get `ENOSPC`; removing gives nothing back. Without one
    /// only the host's own disk is the limit.
    pub size_limit: Option<u64>,
}

impl HostMount {
    /// A directory of the host at `guest`, read-only.
    pub fn new(host: impl Into<PathBuf>, guest: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            guest: guest.into(),
            access: MountAccess::ReadOnly,
            size_limit: None,
        }
    }

    /// Lets guests change it.
    #[must_use]
    pub fn writable(mut self) -> Self {
        self.access = MountAccess::ReadWrite;
        self
    }

    /// Lets guests lengthen its files by so many bytes, all together.
    #[must_use]
    pub fn size_limit(mut self, bytes: u64) -> Self {
        self.size_limit = Some(bytes);
        self
    }
}

/// An empty directory in memory.
#[derive(Clone, Debug)]
pub(crate) struct MemoryMount {
    pub(crate) guest: String,
    /// Nothing: counted with the machine's own files.
    pub(crate) size_limit: Option<u64>,
}

/// A filesystem of the `vfs` crate and where the machine sees it.
#[derive(Clone)]
pub(crate) struct VfsMount {
    pub(crate) root: vfs::VfsPath,
    pub(crate) guest: String,
}

impl VfsMount {
    /// The same for a machine in another process, which asks it call by call.
    ///
    /// # Errors
    /// [`Error::Option`] for what cannot be mounted.
    pub(crate) fn answered(self, owner: (u32, u32), most: u64) -> Result<HostFilesMount, Error> {
        let failed = |reason: String| {
            Err(Error::Option {
                option: "mount_vfs",
                reason,
            })
        };
        let Self { root, guest } = self;
        if !guest.starts_with('/') {
            return failed(format!("`{guest}` is not an absolute path in the machine"));
        }
        if !matches!(root.is_dir(), Ok(true)) {
            return failed(format!(
                "the filesystem for `{guest}` has no root directory"
            ));
        }
        Ok(HostFilesMount {
            filesystem: Arc::new(Adapted::new(root, owner, most)),
            guest,
            is_writable: true,
        })
    }
}

impl std::fmt::Debug for VfsMount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VfsMount({})", self.guest)
    }
}
