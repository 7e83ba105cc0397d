//! Making names: mkdir(2), mknod(2), symlink(2), and whose a new file is.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, Mode, Stat};
use cenote_base::{Gid, SysResult};

use super::check_entries_writable;
use crate::dentry::Location;
use crate::inode::{Inode, NewNode, NewOwner};
use crate::lookup::{LookupContext, resolve_parent};
use crate::watch::{Change, ChangeKind};

/// Makes a directory.
///
/// # Errors
/// `EEXIST`, `ENOENT`, `ENOTDIR`, `EACCES`, `EROFS`, `ENOSPC`, and those of the path walk.
pub fn mkdir(cx: &LookupContext<'_>, at: Option<&Location>, path: &[u8], mode: Mode) -> SysResult {
    let parent = resolve_parent(cx, at, path)?;
    let name = parent.name(Errno::EEXIST)?;
    // Of a directory's mode, mkdir(2) takes the permissions and the sticky bit.
    let mode = mode & Mode::from_raw(0o1777);
    make(cx, &parent.directory, name, NewNode::Directory, mode).map(drop)
}

/// Makes a regular file, named pipe, socket name or device file.
///
/// # Errors
/// As [`mkdir`]; `EPERM`: devices are for the superuser, directories and links have their own calls.
pub fn mknod(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
    node: NewNode<'_>,
    mode: Mode,
) -> SysResult {
    let is_privileged = cx.credentials.is_privileged();
    match node {
        NewNode::Directory | NewNode::Symlink(_) => return Err(Errno::EPERM.into()),
        NewNode::Device(FileType::CharDevice | FileType::BlockDevice, _) if !is_privileged => {
            return Err(Errno::EPERM.into());
        }
        NewNode::Device(kind, _)
            if !matches!(kind, FileType::CharDevice | FileType::BlockDevice) =>
        {
            return Err(Errno::EINVAL.into());
        }
        _ => {}
    }
    let parent = resolve_parent(cx, at, path)?;
    let name = parent.name(Errno::EEXIST)?;
    refuse_slash(&parent.directory, name, parent.wants_directory)?;
    make(cx, &parent.directory, name, node, mode).map(drop)
}

/// Makes a symbolic link at `path` to `target`, which need not exist.
///
/// # Errors
/// As [`mkdir`]; `ENOENT`: no target. `ENAMETOOLONG`.
pub fn symlink(
    cx: &LookupContext<'_>,
    target: &[u8],
    at: Option<&Location>,
    path: &[u8],
) -> SysResult {
    if target.is_empty() {
        return Err(Errno::ENOENT.into());
    }
    if target.len() >= cenote_base::path::PATH_MAX {
        return Err(Errno::ENAMETOOLONG.into());
    }
    let parent = resolve_parent(cx, at, path)?;
    let name = parent.name(Errno::EEXIST)?;
    refuse_slash(&parent.directory, name, parent.wants_directory)?;
    make(
        cx,
        &parent.directory,
        name,
        NewNode::Symlink(target),
        Mode::from_raw(0o777),
    )
    .map(drop)
}

/// A name of what is no directory cannot end in a slash.
pub(super) fn refuse_slash(directory: &Location, name: &[u8], wants_directory: bool) -> SysResult {
    if !wants_directory {
        return Ok(());
    }
    match directory.inode().lookup(name) {
        Ok(_) => Err(Errno::EEXIST.into()),
        Err(error) => Err(error),
    }
}

/// Makes a file in a directory; `EEXIST` comes before what else could be wrong.
pub(super) fn make(
    cx: &LookupContext<'_>,
    directory: &Location,
    name: &[u8],
    node: NewNode<'_>,
    mode: Mode,
) -> SysResult<Arc<dyn Inode>> {
    let checked = check_entries_writable(cx, directory);
    let stat = match checked {
        Ok(stat) => stat,
        Err(error) => {
            return match directory.inode().lookup(name) {
                Ok(_) => Err(Errno::EEXIST.into()),
                Err(_) => Err(error),
            };
        }
    };
    let owner = new_owner(cx, &stat, node.file_type(), mode);
    let made = directory.inode().create(name, node, &owner)?;
    let is_directory = node.file_type() == FileType::Directory;
    directory.entry_changed(&Change {
        kind: ChangeKind::Created,
        name: Some(name),
        is_directory,
        cookie: 0,
    });
    Ok(made)
}

/// Whose a new file is: the process's, but of the directory's group where that has the set-group-id bit. See inode(7).
pub(super) fn new_owner(
    cx: &LookupContext<'_>,
    directory: &Stat,
    kind: FileType,
    mode: Mode,
) -> NewOwner {
    let umask = if kind == FileType::Symlink {
        0
    } else {
        cx.umask & 0o777
    };
    let mut mode = Mode::from_raw(mode.raw() & !umask);
    let mut gid = cx.credentials.fsgid;
    if directory.permissions().contains(Mode::S_ISGID) {
        gid = Gid::new(directory.gid);
        if kind == FileType::Directory {
            mode |= Mode::S_ISGID;
        } else if mode.contains(Mode::S_ISGID | Mode::S_IXGRP)
            && !cx.credentials.is_in_group(gid)
            && !cx.credentials.overrides_file_permissions()
        {
            mode.remove(Mode::S_ISGID);
        }
    }
    NewOwner {
        mode,
        uid: cx.credentials.fsuid,
        gid,
    }
}

/// A place for a file that was just made, even if someone took its name away already.
pub(super) fn locate(directory: &Location, name: &[u8], inode: &Arc<dyn Inode>) -> Location {
    let dentry = match directory.dentry().look_up(name) {
        Ok(dentry) if crate::dentry::same_inode(dentry.inode(), inode) => dentry,
        _ => directory.dentry().unattached(Arc::clone(inode), name),
    };
    Location::new(Arc::clone(directory.mount()), dentry)
}
