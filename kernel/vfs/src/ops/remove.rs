//! Removing names: unlink(2), rmdir(2).

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::FileType;
use cenote_base::SysResult;

use super::check_removable;
use crate::dentry::Location;
use crate::inode::Inode;
use crate::lookup::{Last, LookupContext, resolve_parent};
use crate::watch::{Change, ChangeKind};

/// Removes a name of what is no directory. The file goes with its last name and last open file.
///
/// # Errors
/// `EISDIR`, `ENOENT`, `ENOTDIR`, `EACCES`, `EPERM`: sticky. `EBUSY`: a mount point. `EROFS`, and those of the path walk.
pub fn unlink(cx: &LookupContext<'_>, at: Option<&Location>, path: &[u8]) -> SysResult {
    let parent = resolve_parent(cx, at, path)?;
    let name = parent.name(Errno::EISDIR)?;
    let directory = &parent.directory;
    let victim = directory.inode().lookup(name)?;
    let is_directory = victim.file_type() == FileType::Directory;
    if parent.wants_directory {
        return Err(if is_directory {
            Errno::EISDIR
        } else {
            Errno::ENOTDIR
        }
        .into());
    }
    check_removable(cx, directory, name, &victim)?;
    if is_directory {
        return Err(Errno::EISDIR.into());
    }
    directory.inode().unlink(name)?;
    removed(directory, name, &victim, false);
    Ok(())
}

/// Removes an empty directory.
///
/// # Errors
/// `ENOTDIR`, `ENOTEMPTY`, `EINVAL`: `.`. `EBUSY`: a mount point, or `/`. `ENOENT`, `EACCES`, `EPERM`, `EROFS`, and
/// those of the path walk.
pub fn rmdir(cx: &LookupContext<'_>, at: Option<&Location>, path: &[u8]) -> SysResult {
    let parent = resolve_parent(cx, at, path)?;
    let name = parent.name(match parent.last {
        Last::Dot => Errno::EINVAL,
        Last::DotDot => Errno::ENOTEMPTY,
        Last::Root | Last::Name(_) => Errno::EBUSY,
    })?;
    let directory = &parent.directory;
    let victim = directory.inode().lookup(name)?;
    check_removable(cx, directory, name, &victim)?;
    if victim.file_type() != FileType::Directory {
        return Err(Errno::ENOTDIR.into());
    }
    directory.inode().rmdir(name)?;
    removed(directory, name, &victim, true);
    Ok(())
}

fn removed(directory: &Location, name: &[u8], victim: &Arc<dyn Inode>, is_directory: bool) {
    directory.dentry().child_removed(name, victim);
    let watches = &directory.dentry().tree().watches;
    if watches.is_empty() {
        return;
    }
    watches.tell(
        victim,
        &Change {
            kind: ChangeKind::DeletedSelf,
            name: None,
            is_directory,
            cookie: 0,
        },
    );
    directory.entry_changed(&Change {
        kind: ChangeKind::Deleted,
        name: Some(name),
        is_directory,
        cookie: 0,
    });
}
