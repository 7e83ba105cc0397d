//! Directories of the host that a machine sees: [`HostMount`].

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
