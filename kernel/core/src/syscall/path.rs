//! Calls that name files by path: `openat` to `chroot`. The tree of files does the work; waiting for the other side of a
//! named pipe and asking the policy happen here.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::clock::{UTIME_NOW, UTIME_OMIT};
use cenote_abi::fs::{
    AccessFlags, AccessMode, AtFlags, DeviceId, FileType, Mode, OpenFlags, RenameFlags, Stat,
    StatFs, Timespec,
};
use cenote_base::path::{is_absolute, join};
use cenote_base::policy::{FileOperation, Request};
use cenote_base::{Fd, Gid, SysError, SysResult, Uid};
use cenote_vfs::lookup::{LookupFlags, resolve, resolve_parent};
use cenote_vfs::{Location, NewNode, OpenFile, SetTime, ops};

use super::fd::install;
use super::io::check_new_size;
use super::{At, traced, traced_wait};
use crate::pipe::PipeEnd;
use crate::process::Task;
use crate::tty;

/// A file as the policy is told of it.
struct Named {
    path: Vec<u8>,
    is_directory: bool,
}

impl Task {
    /// Asks the policy about the file that `path` names, there or not; answers the path it was told.
    fn permit_path(
        &self,
        at: Option<&Location>,
        path: &[u8],
        follow: bool,
        operation: FileOperation,
    ) -> SysResult<Option<Vec<u8>>> {
        if !self.kernel().policy().watches_files() {
            return Ok(None);
        }
        let named = self.named(at, path, follow)?;
        // A directory that is opened is listed.
        let operation = match operation {
            FileOperation::Read if named.is_directory => FileOperation::Readdir,
            operation => operation,
        };
        self.kernel().permit(&Request::File {
            operation,
            path: &named.path,
            destination: None,
            is_directory: named.is_directory,
        })?;
        Ok(Some(named.path))
    }

    /// Asks the policy about an operation with two paths.
    fn permit_pair(&self, operation: FileOperation, from: &Named, to: &[u8]) -> SysResult {
        self.kernel().permit(&Request::File {
            operation,
            path: &from.path,
            destination: Some(to),
            is_directory: from.is_directory,
        })
    }

    /// The path from the machine's root, without links: of the file, or of where it would be made.
    fn named(&self, at: Option<&Location>, path: &[u8], follow: bool) -> SysResult<Named> {
        let root = self.kernel().namespace().root();
        let mut flags = LookupFlags::EMPTY_PATH;
        flags.set(LookupFlags::FOLLOW, follow);
        self.with_lookup(|cx| match resolve(cx, at, path, flags) {
            Ok(location) => Ok(Named {
                path: location.path_from(&root),
                is_directory: location.inode().file_type() == FileType::Directory,
            }),
            Err(error) if error.errno() == Errno::ENOENT => {
                let parent = resolve_parent(cx, at, path)?;
                let directory = parent.directory.path_from(&root);
                let path = match parent.name(Errno::ENOENT) {
                    Ok(name) => join(&directory, name),
                    Err(_) => directory,
                };
                Ok(Named {
                    path,
                    is_directory: false,
                })
            }
            Err(error) => Err(error),
        })
    }
}

/// Opens a file, making it if asked. See openat(2).
///
/// # Errors
/// `ENOENT`, `EEXIST`, `EACCES`, `EISDIR`, `ENOTDIR`, `ELOOP`, `EROFS`, `ENAMETOOLONG`…: see open(2). `EMFILE`, `ENFILE`.
/// `EINTR`: while waiting for the other side of a named pipe. `ENXIO`: nobody reads the pipe, and opening must not wait.
pub async fn openat(
    task: &Task,
    at: At,
    path: &[u8],
    flags: OpenFlags,
    mode: Mode,
) -> SysResult<Fd> {
    traced_wait(task, "openat", async {
        let start = at.location(task, path)?;
        let writes = flags.access_mode().can_write()
            || flags.intersects(OpenFlags::O_CREAT | OpenFlags::O_TRUNC);
        let operation = if writes {
            FileOperation::Write
        } else {
            FileOperation::Read
        };
        let follow = !flags.contains(OpenFlags::O_NOFOLLOW);
        let told = task.permit_path(start.as_ref(), path, follow, operation)?;
        let file = task.with_lookup(|cx| ops::open(cx, start.as_ref(), path, flags, mode))?;
        if let (Some(location), Some(told)) = (file.location(), told) {
            // The path may have changed its meaning since the policy was asked.
            if location.path_from(&task.kernel().namespace().root()) != told {
                task.kernel().permit_file(location, operation)?;
            }
        }
        meet_other_side(task, &file).await?;
        tty::opened(task, &file, flags);
        install(task, file, flags)
    })
    .await
}

/// A named pipe that is opened for one direction waits for the other. See fifo(7).
async fn meet_other_side(task: &Task, file: &Arc<OpenFile>) -> SysResult {
    let Some(end) = file.downcast::<PipeEnd>().filter(|end| end.is_named()) else {
        return Ok(());
    };
    if file.is_nonblocking() || file.access_mode() == AccessMode::Path {
        return Ok(());
    }
    let Some(queue) = file.wait_queue() else {
        return Ok(());
    };
    task.wait_for(&[queue], || end.has_met_other_side().then_some(Ok(())))
        .await
}

/// Makes a directory. See mkdirat(2).
///
/// # Errors
/// `EEXIST`, `ENOENT`, `EACCES`, `ENOTDIR`, `EROFS`, `ENOSPC`.
pub fn mkdirat(task: &Task, at: At, path: &[u8], mode: Mode) -> SysResult {
    traced(task, "mkdirat", || {
        let start = at.location(task, path)?;
        task.permit_path(start.as_ref(), path, false, FileOperation::Mkdir)?;
        task.with_lookup(|cx| ops::mkdir(cx, start.as_ref(), path, mode))
    })
}

/// Makes a file of any kind but a directory or link; `mode` is a whole mode word. See mknodat(2).
///
/// # Errors
/// `EEXIST`, `ENOENT`, `EACCES`, `EROFS`, `ENOSPC`. `EPERM`: a device, and not the superuser; a directory. `EINVAL`: no kind.
pub fn mknodat(task: &Task, at: At, path: &[u8], mode: u32, device: u64) -> SysResult {
    traced(task, "mknodat", || {
        let node = match FileType::from_mode(mode) {
            Some(FileType::Regular) => NewNode::Regular,
            None if mode & cenote_abi::fs::S_IFMT == 0 => NewNode::Regular,
            Some(FileType::Fifo) => NewNode::Fifo,
            Some(FileType::Socket) => NewNode::Socket,
            Some(kind @ (FileType::CharDevice | FileType::BlockDevice)) => {
                NewNode::Device(kind, DeviceId::decode(device))
            }
            Some(FileType::Directory) => return Err(Errno::EPERM.into()),
            Some(FileType::Symlink) | None => return Err(Errno::EINVAL.into()),
        };
        let start = at.location(task, path)?;
        task.permit_path(start.as_ref(), path, false, FileOperation::Write)?;
        task.with_lookup(|cx| ops::mknod(cx, start.as_ref(), path, node, Mode::from_raw(mode)))
    })
}

/// Gives a file another name. See linkat(2).
///
/// # Errors
/// `EEXIST`, `ENOENT`, `EXDEV`, `EPERM`: a directory. `EACCES`, `EMLINK`, `EROFS`.
pub fn linkat(
    task: &Task,
    old_at: At,
    old: &[u8],
    new_at: At,
    new: &[u8],
    flags: AtFlags,
) -> SysResult {
    traced(task, "linkat", || {
        let (from, to) = (old_at.location(task, old)?, new_at.location(task, new)?);
        if task.kernel().policy().watches_files() {
            let follow = flags.contains(AtFlags::AT_SYMLINK_FOLLOW);
            let source = task.named(from.as_ref(), old, follow)?;
            let destination = task.named(to.as_ref(), new, false)?;
            task.permit_pair(FileOperation::Link, &source, &destination.path)?;
        }
        task.with_lookup(|cx| ops::link(cx, from.as_ref(), old, to.as_ref(), new, flags))
    })
}

/// Makes a symbolic link. See symlinkat(2).
///
/// # Errors
/// `EEXIST`, `ENOENT`, `EACCES`, `EROFS`, `ENOSPC`, `ENAMETOOLONG`.
pub fn symlinkat(task: &Task, target: &[u8], at: At, path: &[u8]) -> SysResult {
    traced(task, "symlinkat", || {
        let start = at.location(task, path)?;
        if task.kernel().policy().watches_files() {
            let link = task.named(start.as_ref(), path, false)?;
            let leads_to = match link.path.iter().rposition(|byte| *byte == b'/') {
                Some(end) if !is_absolute(target) => join(&link.path[..=end], target),
                _ => target.to_vec(),
            };
            task.permit_pair(FileOperation::Symlink, &link, &leads_to)?;
        }
        task.with_lookup(|cx| ops::symlink(cx, target, start.as_ref(), path))
    })
}

/// Removes a name; with `AT_REMOVEDIR`, an empty directory. See unlinkat(2).
///
/// # Errors
/// `ENOENT`, `EISDIR`, `ENOTDIR`, `ENOTEMPTY`, `EACCES`, `EPERM`: a sticky directory. `EBUSY`: a mount. `EROFS`.
pub fn unlinkat(task: &Task, at: At, path: &[u8], flags: AtFlags) -> SysResult {
    traced(task, "unlinkat", || {
        if !AtFlags::AT_REMOVEDIR.contains(flags) {
            return Err(Errno::EINVAL.into());
        }
        let start = at.location(task, path)?;
        let operation = if flags.contains(AtFlags::AT_REMOVEDIR) {
            FileOperation::Rmdir
        } else {
            FileOperation::Remove
        };
        task.permit_path(start.as_ref(), path, false, operation)?;
        task.with_lookup(|cx| {
            if flags.contains(AtFlags::AT_REMOVEDIR) {
                ops::rmdir(cx, start.as_ref(), path)
            } else {
                ops::unlink(cx, start.as_ref(), path)
            }
        })
    })
}

/// Moves a name. See renameat2(2).
///
/// # Errors
/// `ENOENT`, `EEXIST`, `EXDEV`, `ENOTEMPTY`, `EISDIR`, `ENOTDIR`, `EINVAL`: into itself. `EACCES`, `EPERM`, `EBUSY`, `EROFS`.
pub fn renameat2(
    task: &Task,
    old_at: At,
    old: &[u8],
    new_at: At,
    new: &[u8],
    flags: RenameFlags,
) -> SysResult {
    traced(task, "renameat2", || {
        let (from, to) = (old_at.location(task, old)?, new_at.location(task, new)?);
        if task.kernel().policy().watches_files() {
            let source = task.named(from.as_ref(), old, false)?;
            let destination = task.named(to.as_ref(), new, false)?;
            task.permit_pair(FileOperation::Rename, &source, &destination.path)?;
            if flags.contains(RenameFlags::RENAME_EXCHANGE) {
                task.permit_pair(FileOperation::Rename, &destination, &source.path)?;
            }
        }
        task.with_lookup(|cx| ops::rename(cx, from.as_ref(), old, to.as_ref(), new, flags))
    })
}

/// Tells where a symbolic link points. See readlinkat(2).
///
/// # Errors
/// `EINVAL`: not a link. `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`.
pub fn readlinkat(task: &Task, at: At, path: &[u8]) -> SysResult<Vec<u8>> {
    traced(task, "readlinkat", || {
        let start = at.location(task, path)?;
        task.permit_path(start.as_ref(), path, false, FileOperation::Readlink)?;
        task.with_lookup(|cx| ops::readlink(cx, start.as_ref(), path))
    })
}

/// Tells a file's attributes; with `AT_EMPTY_PATH` and an empty path, those of the descriptor. See fstatat(2).
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG`. `EBADF`: the descriptor is not open.
pub fn fstatat(task: &Task, at: At, path: &[u8], flags: AtFlags) -> SysResult<Stat> {
    traced(task, "newfstatat", || {
        if let (true, true, At::Fd(fd)) =
            (path.is_empty(), flags.contains(AtFlags::AT_EMPTY_PATH), at)
        {
            return task.files().get(fd)?.stat();
        }
        let start = at.location(task, path)?;
        task.permit_path(
            start.as_ref(),
            path,
            !flags.contains(AtFlags::AT_SYMLINK_NOFOLLOW),
            FileOperation::Stat,
        )?;
        task.with_lookup(|cx| ops::stat(cx, start.as_ref(), path, flags))
    })
}

/// Checks what the process may do to a file, by its real ids unless `AT_EACCESS`. See faccessat(2).
///
/// # Errors
/// `EACCES`: it may not. `ENOENT`, `ENOTDIR`, `EROFS`, `ELOOP`.
pub fn faccessat(
    task: &Task,
    at: At,
    path: &[u8],
    wanted: AccessFlags,
    flags: AtFlags,
) -> SysResult {
    traced(task, "faccessat", || {
        let start = at.location(task, path)?;
        let operation = if wanted.contains(AccessFlags::W_OK) {
            FileOperation::Write
        } else {
            FileOperation::Stat
        };
        task.permit_path(
            start.as_ref(),
            path,
            !flags.contains(AtFlags::AT_SYMLINK_NOFOLLOW),
            operation,
        )?;
        task.with_lookup(|cx| ops::access(cx, start.as_ref(), path, wanted, flags))
    })
}

/// Changes permissions. See fchmodat(2).
///
/// # Errors
/// `EPERM`: not the owner. `EOPNOTSUPP`: a link. `ENOENT`, `EACCES`, `EROFS`.
pub fn fchmodat(task: &Task, at: At, path: &[u8], mode: Mode, flags: AtFlags) -> SysResult {
    traced(task, "fchmodat", || {
        let start = at.location(task, path)?;
        task.permit_path(
            start.as_ref(),
            path,
            !flags.contains(AtFlags::AT_SYMLINK_NOFOLLOW),
            FileOperation::Chmod,
        )?;
        task.with_lookup(|cx| ops::chmod(cx, start.as_ref(), path, mode, flags))
    })
}

/// Changes owner and group; `None` leaves one as it is. See fchownat(2).
///
/// # Errors
/// `EPERM`: not permitted. `ENOENT`, `EACCES`, `EROFS`.
pub fn fchownat(
    task: &Task,
    at: At,
    path: &[u8],
    uid: Option<Uid>,
    gid: Option<Gid>,
    flags: AtFlags,
) -> SysResult {
    traced(task, "fchownat", || {
        let start = at.location(task, path)?;
        task.permit_path(
            start.as_ref(),
            path,
            !flags.contains(AtFlags::AT_SYMLINK_NOFOLLOW),
            FileOperation::Chown,
        )?;
        task.with_lookup(|cx| ops::chown(cx, start.as_ref(), path, uid, gid, flags))
    })
}

/// What [`utimensat`] does to one of the two times.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimeChange {
    /// `UTIME_NOW`.
    Now,
    /// `UTIME_OMIT`.
    Omit,
    /// This time.
    To(Timespec),
}

impl TimeChange {
    /// Reads a time with Linux's two special nanosecond values.
    ///
    /// # Errors
    /// `EINVAL`: the nanoseconds make a second or more.
    pub fn from_raw(sec: i64, nsec: i64) -> SysResult<Self> {
        match nsec {
            UTIME_NOW => Ok(Self::Now),
            UTIME_OMIT => Ok(Self::Omit),
            nsec => {
                let nsec = u32::try_from(nsec).map_err(|_| Errno::EINVAL)?;
                Timespec::new(sec, nsec)
                    .map(Self::To)
                    .ok_or(Errno::EINVAL.into())
            }
        }
    }

    fn set(self) -> Option<SetTime> {
        match self {
            Self::Now => Some(SetTime::Now),
            Self::Omit => None,
            Self::To(time) => Some(SetTime::To(time)),
        }
    }
}

/// Sets access and modification time, of the descriptor itself when there is no path. See utimensat(2).
///
/// # Errors
/// `EPERM`, `EACCES`: not permitted. `ENOENT`, `EROFS`. `EBADF`: the descriptor is not open.
pub fn utimensat(
    task: &Task,
    at: At,
    path: Option<&[u8]>,
    times: [TimeChange; 2],
    flags: AtFlags,
) -> SysResult {
    traced(task, "utimensat", || {
        let [atime, mtime] = times.map(TimeChange::set);
        match (path, at) {
            (Some(path), at) => {
                let start = at.location(task, path)?;
                task.permit_path(
                    start.as_ref(),
                    path,
                    !flags.contains(AtFlags::AT_SYMLINK_NOFOLLOW),
                    FileOperation::Utimes,
                )?;
                task.with_lookup(|cx| ops::utimens(cx, start.as_ref(), path, atime, mtime, flags))
            }
            (None, At::Fd(fd)) => {
                let file = task.files().get(fd)?;
                // A pipe or socket has times nobody looks at.
                let Some(location) = file.location() else {
                    return Ok(());
                };
                task.kernel().permit_file(location, FileOperation::Utimes)?;
                task.with_lookup(|cx| ops::utimens_location(cx, location, atime, mtime))
            }
            (None, At::Cwd) => Err(Errno::EFAULT.into()),
        }
    })
}

/// Cuts or lengthens a file. See truncate(2).
///
/// # Errors
/// `EISDIR`, `EINVAL`: not a regular file. `EACCES`, `ENOENT`, `EROFS`, `EFBIG`, `ENOSPC`.
pub fn truncate(task: &Task, path: &[u8], size: u64) -> SysResult {
    traced(task, "truncate", || {
        task.permit_path(None, path, true, FileOperation::Truncate)?;
        let stat =
            task.with_lookup(|cx| ops::find(cx, None, path, LookupFlags::FOLLOW)?.inode.stat())?;
        check_new_size(task, stat.file_type(), size)?;
        task.with_lookup(|cx| ops::truncate(cx, None, path, size))
    })
}

/// Tells about the filesystem a file is on. See statfs(2).
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `EACCES`.
pub fn statfs(task: &Task, path: &[u8]) -> SysResult<StatFs> {
    traced(task, "statfs", || {
        task.permit_path(None, path, true, FileOperation::Stat)?;
        task.with_lookup(|cx| ops::statfs(cx, None, path))
    })
}

/// Makes a directory the working directory. See chdir(2).
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `EACCES`.
pub fn chdir(task: &Task, path: &[u8]) -> SysResult {
    traced(task, "chdir", || {
        if path.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        task.permit_path(None, path, true, FileOperation::Stat)?;
        let cwd = task.with_lookup(|cx| ops::directory(cx, None, path))?;
        let before = std::mem::replace(&mut task.process().fs().lock().cwd, cwd);
        drop(before);
        Ok(())
    })
}

/// Tells the path of the working directory. See getcwd(2).
///
/// # Errors
/// `ENOENT`: it was removed.
pub fn getcwd(task: &Task) -> SysResult<Vec<u8>> {
    traced(task, "getcwd", || task.with_lookup(ops::getcwd))
}

/// Makes a directory the root of the process's tree. See chroot(2).
///
/// # Errors
/// `EPERM`: not the superuser. `ENOENT`, `ENOTDIR`, `EACCES`.
pub fn chroot(task: &Task, path: &[u8]) -> SysResult {
    traced(task, "chroot", || {
        if path.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        task.permit_path(None, path, true, FileOperation::Stat)?;
        let root = task.with_lookup(|cx| ops::directory(cx, None, path))?;
        if !task.process().credentials().is_privileged() {
            return Err(SysError::new(Errno::EPERM));
        }
        let before = std::mem::replace(&mut task.process().fs().lock().root, root);
        drop(before);
        Ok(())
    })
}
