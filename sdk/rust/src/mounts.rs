//! What a machine sees besides its own tree: directories of the host ([`HostMount`]), filesystems of the `vfs` crate.

use std::path::PathBuf;

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
}

/// A filesystem of the `vfs` crate and where the machine sees it.
#[derive(Clone)]
pub(crate) struct VfsMount {
    pub(crate) root: vfs::VfsPath,
    pub(crate) guest: String,
}

impl std::fmt::Debug for VfsMount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VfsMount({})", self.guest)
    }
}
