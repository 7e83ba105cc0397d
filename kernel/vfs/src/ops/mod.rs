//! The verbs: what the system calls do to the tree, with permission checks, mount flags and change events.
//!
//! All take a [`LookupContext`], a place to start from (`None`: the working directory) and a path;
//! those that concern an open file take its [`Location`] (`…_location`).

mod attr;
mod create;
mod link;
mod open;
mod readdir;
mod remove;
mod rename;

pub use attr::{
    access, check_executable, chmod, chmod_location, chown, chown_location, directory, getcwd,
    readlink, stat, statfs, truncate, utimens, utimens_location,
};
pub use create::{mkdir, mknod, symlink};
pub use link::{link, link_location};
pub use open::{open, open_location};
pub use readdir::{ListedEntry, list, read_file, write_file};
pub use remove::{rmdir, unlink};
pub use rename::rename;

pub use crate::lookup::{Found, Parent, find, resolve as lookup, resolve_parent};

use cenote_abi::Errno;
use cenote_abi::fs::{AccessFlags, FileType, Stat};
use cenote_base::SysResult;

use crate::dentry::Location;
use crate::lookup::LookupContext;
use crate::permission;

/// Checks that entries of a directory may be made or removed.
///
/// # Errors
/// `EROFS`, `EACCES`, `ENOENT`: the directory was removed.
fn check_entries_writable(cx: &LookupContext<'_>, directory: &Location) -> SysResult<Stat> {
    directory.mount().check_writable()?;
    let stat = directory.inode().stat()?;
    permission::check(&stat, cx.credentials, AccessFlags::W_OK | AccessFlags::X_OK)?;
    if directory.is_deleted() {
        return Err(Errno::ENOENT.into());
    }
    Ok(stat)
}

/// Checks that an entry may be removed or moved away.
///
/// # Errors
/// As [`check_entries_writable`]; `EPERM`: sticky; `EBUSY`: something is mounted there.
fn check_removable(
    cx: &LookupContext<'_>,
    directory: &Location,
    name: &[u8],
    victim: &std::sync::Arc<dyn crate::Inode>,
) -> SysResult {
    let stat = check_entries_writable(cx, directory)?;
    permission::check_sticky(&stat, &victim.stat()?, cx.credentials)?;
    if directory
        .dentry()
        .live_child(name)
        .is_some_and(|child| child.is_mountpoint())
    {
        return Err(Errno::EBUSY.into());
    }
    Ok(())
}

/// Whether changes to such a file go through the filesystem, so that a read-only one refuses them.
fn is_stored(kind: FileType) -> bool {
    matches!(
        kind,
        FileType::Regular | FileType::Directory | FileType::Symlink
    )
}

#[cfg(test)]
mod tests;
