//! The tree of files, and open files.
//!
//! A [`FileSystem`] hands out [`Inode`]s; a [`Namespace`] puts filesystems together as [`Mount`]s; a [`Location`] is one
//! place in that tree; [`lookup`] walks paths; [`ops`] are the verbs (open, rename, …); an [`OpenFile`] is an open file
//! description around a [`File`], which may just as well be a pipe, a socket or a terminal made by another crate.
//! Nothing here blocks: what would, answers `EAGAIN` and has a wait queue.
//!
//! Lock order (a lock may be taken while holding those above it in the list):
//! ```text
//! OpenFile::offset                    one open file
//!   Tree::renames                     one mounted filesystem: write by rename, read while climbing to the root
//!     Dentry::children                parent before child; two at once only under Tree::renames (write)
//!       Dentry::place                 a leaf as far as dentries go
//!       Mount::children, Mount::parent   leaves
//!       filesystem's own locks        each filesystem's header has its own list; a layer before the one under it
//! Locks (file/lock.rs), watch::Watches   leaves; observers are told after release
//! ```
//! No lock is held while an observer or a caller's closure runs. A filesystem never calls back into this tree.
#![forbid(unsafe_code)]

pub mod dentry;
pub mod file;
pub mod filesystem;
pub mod fs;
pub mod inode;
pub mod lookup;
pub mod mount;
pub mod ops;
pub mod permission;
pub mod watch;

pub use dentry::Location;
pub use file::{File, IoctlCaller, IoctlRequest, OpenFile, TermiosWhen, TtyRequest};
pub use filesystem::FileSystem;
pub use inode::{AttributeChanges, DirEntry, Inode, LinkTarget, NewNode, NewOwner, SetTime};
pub use lookup::{LookupContext, LookupFlags};
pub use mount::{Mount, MountFlags, Namespace, SpecialFiles};

#[cfg(test)]
mod testing;
