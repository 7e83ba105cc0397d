//! Attributes and questions: stat(2), access(2), chmod(2), chown(2), utimensat(2), truncate(2), readlink(2), statfs(2), getcwd(3).

use std::borrow::Cow;

use cenote_abi::Errno;
use cenote_abi::fs::{AccessFlags, AtFlags, FileType, Mode, Stat, StatFs};
use cenote_base::{Credentials, Gid, SysResult, Uid};

use super::is_stored;
use crate::dentry::Location;
use crate::inode::{AttributeChanges, SetTime};
use crate::lookup::{LookupContext, LookupFlags, find, resolve};
use crate::mount::MountFlags;
use crate::permission;
use crate::watch::ChangeKind;

fn lookup_flags(flags: AtFlags) -> LookupFlags {
    let mut lookup = LookupFlags::empty();
    lookup.set(
        LookupFlags::FOLLOW,
        !flags.contains(AtFlags::AT_SYMLINK_NOFOLLOW),
    );
    lookup.set(
        LookupFlags::EMPTY_PATH,
        flags.contains(AtFlags::AT_EMPTY_PATH),
    );
    lookup
}

/// Tells a file's attributes.
///
/// # Errors
/// Those of the path walk.
pub fn stat(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
    flags: AtFlags,
) -> SysResult<Stat> {
    find(cx, at, path, lookup_flags(flags))?.inode.stat()
}

/// Tells where a symbolic link points. An empty path is the starting place (an `O_PATH` file's).
///
/// # Errors
/// `EINVAL`: not a link. Those of the path walk.
pub fn readlink(cx: &LookupContext<'_>, at: Option<&Location>, path: &[u8]) -> SysResult<Vec<u8>> {
    let flags = if at.is_some() {
        LookupFlags::EMPTY_PATH
    } else {
        LookupFlags::empty()
    };
    let found = find(cx, at, path, flags)?;
    if found.inode.file_type() != FileType::Symlink {
        return Err(if path.is_empty() {
            Errno::ENOENT
        } else {
            Errno::EINVAL
        }
        .into());
    }
    found.inode.read_link_as(cx.caller)
}

/// Tells size and limits of the filesystem a path leads to.
///
/// # Errors
/// Those of the path walk.
pub fn statfs(cx: &LookupContext<'_>, at: Option<&Location>, path: &[u8]) -> SysResult<StatFs> {
    find(cx, at, path, LookupFlags::FOLLOW)?.mount.statfs()
}

/// Finds a directory that may be searched, to become a working or root directory.
///
/// # Errors
/// `ENOTDIR`, `EACCES`, and those of the path walk.
pub fn directory(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
) -> SysResult<Location> {
    let location = resolve(
        cx,
        at,
        path,
        LookupFlags::FOLLOW | LookupFlags::DIRECTORY | LookupFlags::EMPTY_PATH,
    )?;
    permission::check(&location.inode().stat()?, cx.credentials, AccessFlags::X_OK)?;
    Ok(location)
}

/// The path of the working directory.
///
/// # Errors
/// `ENOENT`: it was removed, or the root directory does not lead there.
pub fn getcwd(cx: &LookupContext<'_>) -> SysResult<Vec<u8>> {
    cx.cwd.path_if_reachable(cx.root)
}

/// Checks what a process may do to a file; with its real user and group unless `AT_EACCESS`.
///
/// # Errors
/// `EACCES`, `EROFS`: writing, and the filesystem is read-only. Those of the path walk.
pub fn access(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
    wanted: AccessFlags,
    flags: AtFlags,
) -> SysResult {
    let credentials: Cow<'_, Credentials> = if flags.contains(AtFlags::AT_EACCESS) {
        Cow::Borrowed(cx.credentials)
    } else {
        let real = cx.credentials;
        Cow::Owned(Credentials {
            fsuid: real.uid,
            fsgid: real.gid,
            ..real.clone()
        })
    };
    let cx = LookupContext {
        credentials: &credentials,
        ..*cx
    };
    let found = find(&cx, at, path, lookup_flags(flags))?;
    if wanted.is_empty() {
        return Ok(());
    }
    let kind = found.inode.file_type();
    permission::check(&found.inode.stat()?, &credentials, wanted)?;
    if wanted.contains(AccessFlags::X_OK)
        && kind == FileType::Regular
        && found.mount.flags().contains(MountFlags::NOEXEC)
    {
        return Err(Errno::EACCES.into());
    }
    if wanted.contains(AccessFlags::W_OK) && is_stored(kind) {
        found.mount.check_writable()?;
    }
    Ok(())
}

/// Checks that a file may be executed.
///
/// # Errors
/// `EACCES`: not a regular file, no execute permission, or on a mount without it.
pub fn check_executable(credentials: &Credentials, location: &Location) -> SysResult {
    if location.inode().file_type() != FileType::Regular
        || location.mount().flags().contains(MountFlags::NOEXEC)
    {
        return Err(Errno::EACCES.into());
    }
    permission::check(&location.inode().stat()?, credentials, AccessFlags::X_OK)
}

/// Changes permissions.
///
/// # Errors
/// `EPERM`: not the owner. `EOPNOTSUPP`: of a symbolic link. `EROFS`, and those of the path walk.
pub fn chmod(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
    mode: Mode,
    flags: AtFlags,
) -> SysResult {
    chmod_location(cx, &resolve(cx, at, path, lookup_flags(flags))?, mode)
}

/// Changes permissions of a file that was found.
///
/// # Errors
/// As [`chmod`].
pub fn chmod_location(cx: &LookupContext<'_>, location: &Location, mode: Mode) -> SysResult {
    if location.inode().file_type() == FileType::Symlink {
        return Err(Errno::EOPNOTSUPP.into());
    }
    location.mount().check_writable()?;
    let stat = location.inode().stat()?;
    if !permission::owns(&stat, cx.credentials) {
        return Err(Errno::EPERM.into());
    }
    let mut mode = mode;
    let may_set_group_id = cx.credentials.overrides_file_permissions()
        || cx.credentials.is_in_group(Gid::new(stat.gid));
    if !may_set_group_id && stat.file_type() != Some(FileType::Directory) {
        mode.remove(Mode::S_ISGID);
    }
    apply(
        location,
        &AttributeChanges {
            mode: Some(mode),
            ..AttributeChanges::default()
        },
    )
}

/// Changes owner and group; `None` leaves one as it is.
///
/// # Errors
/// `EPERM`: not the superuser, and more than the owner may do (give the file to a group of theirs). `EROFS`, and those
/// of the path walk.
pub fn chown(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
    uid: Option<Uid>,
    gid: Option<Gid>,
    flags: AtFlags,
) -> SysResult {
    chown_location(cx, &resolve(cx, at, path, lookup_flags(flags))?, uid, gid)
}

/// Changes owner and group of a file that was found.
///
/// # Errors
/// As [`chown`].
pub fn chown_location(
    cx: &LookupContext<'_>,
    location: &Location,
    uid: Option<Uid>,
    gid: Option<Gid>,
) -> SysResult {
    location.mount().check_writable()?;
    let stat = location.inode().stat()?;
    let credentials = cx.credentials;
    if !credentials.overrides_file_permissions() {
        let is_owner = credentials.fsuid == Uid::new(stat.uid);
        let keeps_user = uid.is_none_or(|uid| uid == Uid::new(stat.uid));
        let group_is_theirs =
            gid.is_none_or(|gid| gid == Gid::new(stat.gid) || credentials.is_in_group(gid));
        let changes_nothing = uid.is_none() && gid.is_none();
        if !(changes_nothing || is_owner && keeps_user && group_is_theirs) {
            return Err(Errno::EPERM.into());
        }
    }
    let mut changes = AttributeChanges {
        uid,
        gid,
        ..AttributeChanges::default()
    };
    if stat.file_type() != Some(FileType::Directory) {
        // A program must not stay set-user-id for someone else.
        let mode = permission::without_set_id(stat.permissions());
        changes.mode = Some(mode).filter(|mode| *mode != stat.permissions());
    }
    apply(location, &changes)
}

/// Changes the times of the last reading and writing; `None` leaves one as it is.
///
/// # Errors
/// `EPERM`: given times, and not the owner. `EACCES`: now, and neither the owner nor allowed to write. `EROFS`, and
/// those of the path walk.
pub fn utimens(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
    atime: Option<SetTime>,
    mtime: Option<SetTime>,
    flags: AtFlags,
) -> SysResult {
    utimens_location(
        cx,
        &resolve(cx, at, path, lookup_flags(flags))?,
        atime,
        mtime,
    )
}

/// Changes the times of a file that was found.
///
/// # Errors
/// As [`utimens`].
pub fn utimens_location(
    cx: &LookupContext<'_>,
    location: &Location,
    atime: Option<SetTime>,
    mtime: Option<SetTime>,
) -> SysResult {
    if atime.is_none() && mtime.is_none() {
        return Ok(());
    }
    location.mount().check_writable()?;
    let stat = location.inode().stat()?;
    if !permission::owns(&stat, cx.credentials) {
        if atime != Some(SetTime::Now) || mtime != Some(SetTime::Now) {
            return Err(Errno::EPERM.into());
        }
        permission::check(&stat, cx.credentials, AccessFlags::W_OK)?;
    }
    apply(
        location,
        &AttributeChanges {
            atime,
            mtime,
            ..AttributeChanges::default()
        },
    )
}

/// Cuts or lengthens a regular file.
///
/// # Errors
/// `EISDIR`, `EINVAL`: not a regular file, or too long. `EACCES`, `EROFS`, `EFBIG`, `ENOSPC`, and those of the path walk.
pub fn truncate(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
    size: u64,
) -> SysResult {
    let location = resolve(cx, at, path, LookupFlags::FOLLOW)?;
    match location.inode().file_type() {
        FileType::Regular => {}
        FileType::Directory => return Err(Errno::EISDIR.into()),
        _ => return Err(Errno::EINVAL.into()),
    }
    if i64::try_from(size).is_err() {
        return Err(Errno::EINVAL.into());
    }
    permission::check(&location.inode().stat()?, cx.credentials, AccessFlags::W_OK)?;
    location.mount().check_writable()?;
    if !cx.credentials.overrides_file_permissions() {
        permission::strip_set_id(location.inode())?;
    }
    location.inode().set_attributes(&AttributeChanges {
        size: Some(size),
        ..AttributeChanges::default()
    })?;
    location.changed(ChangeKind::Modified);
    Ok(())
}

fn apply(location: &Location, changes: &AttributeChanges) -> SysResult {
    location.inode().set_attributes(changes)?;
    location.changed(ChangeKind::Attributes);
    Ok(())
}
