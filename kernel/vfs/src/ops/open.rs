//! Opening: open(2) with all its flags, except that it never waits for a named pipe's other side.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{AccessFlags, DeviceId, FileType, Mode, OpenFlags, Stat};
use cenote_base::{SysError, SysResult};

use super::create::{locate, make, new_owner};
use super::{check_entries_writable, is_stored};
use crate::dentry::Location;
use crate::file::{File, InodeFile, OpenFile, PathFile};
use crate::inode::{AttributeChanges, Inode, LinkTarget, NewNode};
use crate::lookup::{Last, LookupContext, LookupFlags, Walker, resolve};
use crate::mount::MountFlags;
use crate::permission;
use crate::watch::ChangeKind;

/// Opens a file, making it where the flags say so.
///
/// # Errors
/// `ENOENT`, `EEXIST` (`O_EXCL`), `EISDIR`, `ENOTDIR`, `ELOOP` (`O_NOFOLLOW`), `EACCES`, `EROFS`, `EINVAL`, `ENXIO`:
/// a socket, or a device that is not there; those of the path walk and of the file's own `open`.
pub fn open(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
    flags: OpenFlags,
    mode: Mode,
) -> SysResult<Arc<OpenFile>> {
    let follow = if flags.contains(OpenFlags::O_NOFOLLOW) {
        LookupFlags::empty()
    } else {
        LookupFlags::FOLLOW
    };
    if flags.contains(OpenFlags::O_PATH) {
        let kept = OpenFlags::O_PATH
            | OpenFlags::O_DIRECTORY
            | OpenFlags::O_NOFOLLOW
            | OpenFlags::O_CLOEXEC;
        let location = resolve(cx, at, path, follow)?;
        check_kind(&location, flags)?;
        return Ok(OpenFile::at(Arc::new(PathFile), location, flags & kept));
    }
    check_flags(flags)?;
    if flags.contains(OpenFlags::O_TMPFILE) {
        let directory = resolve(cx, at, path, follow | LookupFlags::DIRECTORY)?;
        return open_unnamed(cx, &directory, flags, mode);
    }
    if flags.contains(OpenFlags::O_CREAT) {
        let (location, is_new) = create_or_find(cx, at, path, flags, mode)?;
        return if is_new {
            open_checked(cx, location, flags)
        } else {
            open_location(cx, location, flags)
        };
    }
    let location = resolve(cx, at, path, follow)?;
    open_location(cx, location, flags)
}

/// Refuses flags that exclude each other. Linux: fs/open.c, `build_open_flags`.
fn check_flags(flags: OpenFlags) -> SysResult {
    let unnamed = OpenFlags::O_TMPFILE.difference(OpenFlags::O_DIRECTORY);
    let excludes = if flags.intersects(unnamed) {
        let writes = flags.access_mode().can_write();
        !flags.contains(OpenFlags::O_TMPFILE) || flags.contains(OpenFlags::O_CREAT) || !writes
    } else {
        flags.contains(OpenFlags::O_CREAT | OpenFlags::O_DIRECTORY)
    };
    if excludes {
        Err(Errno::EINVAL.into())
    } else {
        Ok(())
    }
}

/// Opens a file that was found, as `open` does at the end of its walk.
///
/// # Errors
/// As [`open`].
pub fn open_location(
    cx: &LookupContext<'_>,
    location: Location,
    flags: OpenFlags,
) -> SysResult<Arc<OpenFile>> {
    check_kind(&location, flags)?;
    let stat = location.inode().stat()?;
    let kind = location.inode().file_type();
    let access = flags.access_mode();
    let truncates = flags.contains(OpenFlags::O_TRUNC);
    match kind {
        FileType::Symlink => return Err(Errno::ELOOP.into()),
        FileType::Directory
            if access.can_write() || truncates || flags.contains(OpenFlags::O_CREAT) =>
        {
            return Err(Errno::EISDIR.into());
        }
        FileType::CharDevice | FileType::BlockDevice
            if location.mount().flags().contains(MountFlags::NODEV) =>
        {
            return Err(Errno::EACCES.into());
        }
        _ => {}
    }
    let mut wanted = AccessFlags::empty();
    wanted.set(AccessFlags::R_OK, access.can_read());
    wanted.set(AccessFlags::W_OK, access.can_write() || truncates);
    permission::check(&stat, cx.credentials, wanted)?;
    if wanted.contains(AccessFlags::W_OK) && is_stored(kind) {
        location.mount().check_writable()?;
    }
    if flags.contains(OpenFlags::O_NOATIME) && !permission::owns(&stat, cx.credentials) {
        return Err(Errno::EPERM.into());
    }
    if truncates && kind == FileType::Regular {
        if !cx.credentials.overrides_file_permissions() {
            permission::strip_set_id(location.inode())?;
        }
        location.inode().set_attributes(&AttributeChanges {
            size: Some(0),
            ..AttributeChanges::default()
        })?;
        if stat.size > 0 {
            location.changed(ChangeKind::Modified);
        }
    }
    open_checked(cx, location, flags)
}

fn check_kind(location: &Location, flags: OpenFlags) -> SysResult {
    let kind = location.inode().file_type();
    if flags.contains(OpenFlags::O_DIRECTORY) && kind != FileType::Directory {
        return Err(Errno::ENOTDIR.into());
    }
    Ok(())
}

/// Opens what needs no further permission.
fn open_checked(
    cx: &LookupContext<'_>,
    location: Location,
    flags: OpenFlags,
) -> SysResult<Arc<OpenFile>> {
    let inode = location.inode();
    let file: Arc<dyn File> = match Arc::clone(inode).open_as(flags, cx.caller)? {
        Some(file) => file,
        None => match inode.file_type() {
            FileType::Regular | FileType::Directory => InodeFile::new(Arc::clone(inode)),
            FileType::Fifo | FileType::CharDevice | FileType::BlockDevice => {
                open_special(cx, &location, flags)?
            }
            FileType::Symlink => return Err(Errno::ELOOP.into()),
            FileType::Socket => return Err(Errno::ENXIO.into()),
        },
    };
    location.changed(ChangeKind::Opened);
    let file = OpenFile::at(file, location, flags);
    if flags.access_mode().can_write() && !cx.credentials.overrides_file_permissions() {
        file.strip_set_id_bits();
    }
    Ok(file)
}

fn open_special(
    cx: &LookupContext<'_>,
    location: &Location,
    flags: OpenFlags,
) -> SysResult<Arc<dyn File>> {
    let special = location.mount().special_files().ok_or(SysError::with_note(
        Errno::ENXIO,
        "nobody opens special files here",
    ))?;
    let inode = location.inode();
    match inode.file_type() {
        FileType::Fifo => special.open_fifo(inode, flags),
        kind => special.open_device(kind, DeviceId::decode(inode.stat()?.rdev), flags, cx.caller),
    }
}

/// `O_CREAT`: the file of this name, and whether it was made now.
fn create_or_find(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
    flags: OpenFlags,
    mode: Mode,
) -> SysResult<(Location, bool)> {
    if path.is_empty() {
        return Err(Errno::ENOENT.into());
    }
    if path.len() >= cenote_base::path::PATH_MAX {
        return Err(Errno::ENAMETOOLONG.into());
    }
    let is_exclusive = flags.contains(OpenFlags::O_EXCL);
    let mut walker = Walker::start(cx, at);
    let mut path = path.to_vec();
    loop {
        let (last, wants_directory) = walker.walk_to_parent(&path)?;
        let name = match last {
            Last::Name(name) if !wants_directory => name,
            Last::Dot | Last::DotDot | Last::Root if is_exclusive => {
                return Err(Errno::EEXIST.into());
            }
            // `.`, `..`, `/` and names with a slash behind are directories.
            _ => return Err(Errno::EISDIR.into()),
        };
        let directory = walker.location()?;
        let existing = match directory.inode().lookup(&name) {
            Err(error) if error.errno() == Errno::ENOENT => {
                match make(cx, &directory, &name, NewNode::Regular, mode) {
                    Ok(inode) => return Ok((locate(&directory, &name, &inode), true)),
                    // Someone was quicker: use theirs.
                    Err(error) if error.errno() == Errno::EEXIST && !is_exclusive => {
                        directory.inode().lookup(&name)?
                    }
                    Err(error) => return Err(error),
                }
            }
            Err(error) => return Err(error),
            Ok(_) if is_exclusive => return Err(Errno::EEXIST.into()),
            Ok(inode) => inode,
        };
        let is_followed =
            existing.file_type() == FileType::Symlink && !flags.contains(OpenFlags::O_NOFOLLOW);
        if !is_followed {
            guard_sticky(cx, &directory, &existing)?;
            let dentry = directory.dentry().look_up(&name)?;
            return Ok((
                Location::new(Arc::clone(directory.mount()), dentry).top(),
                false,
            ));
        }
        match walker.read_link(&existing)? {
            LinkTarget::Path(target) => path = target,
            LinkTarget::Location(location) => return Ok((location, false)),
        }
    }
}

/// In a sticky directory that anyone may write, another user's link, device or socket is not opened by a call that
/// meant to make a file. Linux: fs/namei.c, `may_create_in_sticky`, with `fs.protected_regular` and `protected_fifos` off.
fn guard_sticky(
    cx: &LookupContext<'_>,
    directory: &Location,
    existing: &Arc<dyn Inode>,
) -> SysResult {
    if matches!(
        existing.file_type(),
        FileType::Regular | FileType::Fifo | FileType::Directory
    ) {
        return Ok(());
    }
    let (around, stat) = (directory.inode().stat()?, existing.stat()?);
    let is_open_to_all = around.permissions().contains(Mode::S_ISVTX | Mode::S_IWOTH);
    let is_theirs = stat.uid != around.uid && stat.uid != cx.credentials.fsuid.raw();
    if is_open_to_all && is_theirs {
        Err(Errno::EACCES.into())
    } else {
        Ok(())
    }
}

/// `O_TMPFILE`: a file without a name.
fn open_unnamed(
    cx: &LookupContext<'_>,
    directory: &Location,
    flags: OpenFlags,
    mode: Mode,
) -> SysResult<Arc<OpenFile>> {
    let stat: Stat = check_entries_writable(cx, directory)?;
    let owner = new_owner(cx, &stat, FileType::Regular, mode);
    let inode = directory.inode().create_unnamed(&owner)?;
    let name = format!("#{}", inode.stat()?.ino);
    let location = directory.unattached(inode, name.as_bytes());
    open_checked(cx, location, flags)
}
