//! Filesystems of the embedder, answered call by call: [`HostFileSystem`].
//!
//! * [`filesystem`]: what the embedder implements
//! * [`adapted`]: one of the `vfs` crate as such
//! * [`tree`]: waiting for its answers, on the guest's thread, bounded
//!
//! Locks: a leaf in `adapted`.

mod adapted;
mod filesystem;
mod tree;

pub(crate) use adapted::Adapted;
pub use filesystem::{FileAnswer, FileChanges, HostFileSystem, HostStat};
pub(crate) use tree::HostFilesMount;
