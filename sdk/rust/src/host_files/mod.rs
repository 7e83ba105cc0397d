//! Filesystems of the embedder, answered call by call: [`HostFileSystem`].
//!
//! * [`filesystem`]: what the embedder implements
//! * [`tree`]: waiting for its answers, on the guest's thread, bounded
//!
//! Locks: none.

mod filesystem;
mod tree;

pub use filesystem::{FileAnswer, FileChanges, HostFileSystem, HostStat};
pub(crate) use tree::HostFilesMount;
