//! Further names of a file: link(2), linkat(2).

use cenote_abi::Errno;
use cenote_abi::fs::{AccessFlags, AtFlags, FileType};
use cenote_base::SysResult;

use super::check_entries_writable;
use super::create::refuse_slash;
use crate::dentry::Location;
use crate::lookup::{LookupContext, LookupFlags, resolve, resolve_parent};
use crate::permission;
use crate::watch::{Change, ChangeKind};

/// Gives the file at `old` the further name `new`.
///
/// # Errors
/// `EEXIST`, `EPERM`: `old` is a directory, or another user's and not to be written. `EXDEV`: on another mount. `EMLINK`, `EACCES`, `EROFS`, `ENOSPC`, and those
/// of the path walk.
pub fn link(
    cx: &LookupContext<'_>,
    old_at: Option<&Location>,
    old: &[u8],
    new_at: Option<&Location>,
    new: &[u8],
    flags: AtFlags,
) -> SysResult {
    let mut lookup = LookupFlags::empty();
    lookup.set(
        LookupFlags::FOLLOW,
        flags.contains(AtFlags::AT_SYMLINK_FOLLOW),
    );
    lookup.set(
        LookupFlags::EMPTY_PATH,
        flags.contains(AtFlags::AT_EMPTY_PATH),
    );
    let source = resolve(cx, old_at, old, lookup)?;
    link_location(cx, &source, new_at, new)
}

/// Gives a file that was found a further name. A file without any name must have been made with `O_TMPFILE`.
///
/// # Errors
/// As [`link`]; `ENOENT`: its last name was removed.
pub fn link_location(
    cx: &LookupContext<'_>,
    source: &Location,
    new_at: Option<&Location>,
    new: &[u8],
) -> SysResult {
    let parent = resolve_parent(cx, new_at, new)?;
    let name = parent.name(Errno::EEXIST)?;
    let directory = &parent.directory;
    refuse_slash(directory, name, parent.wants_directory)?;
    if directory.inode().lookup(name).is_ok() {
        return Err(Errno::EEXIST.into());
    }
    if !source.mount().is_same_filesystem(directory.mount()) {
        return Err(Errno::EXDEV.into());
    }
    check_linkable(cx, source)?;
    check_entries_writable(cx, directory)?;
    if source.inode().file_type() == FileType::Directory {
        return Err(Errno::EPERM.into());
    }
    directory.inode().link(name, source.inode())?;
    source.changed(ChangeKind::Attributes);
    directory.entry_changed(&Change {
        kind: ChangeKind::Created,
        name: Some(name),
        is_directory: false,
        cookie: 0,
    });
    Ok(())
}

/// Who may give a file of another user a further name: only who may read and write it anyway, and never a set-id
/// program's, which would outlive its repair. Linux: `fs.protected_hardlinks`, which distributions switch on.
fn check_linkable(cx: &LookupContext<'_>, source: &Location) -> SysResult {
    let stat = source.inode().stat()?;
    if permission::owns(&stat, cx.credentials) {
        return Ok(());
    }
    let mode = stat.permissions();
    let is_harmless =
        stat.file_type() == Some(FileType::Regular) && permission::without_set_id(mode) == mode;
    let wanted = AccessFlags::R_OK | AccessFlags::W_OK;
    if is_harmless && permission::check(&stat, cx.credentials, wanted).is_ok() {
        Ok(())
    } else {
        Err(Errno::EPERM.into())
    }
}
