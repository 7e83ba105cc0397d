//! Calls that name files by path: `openat` to `chroot`. The tree of files does the work; waiting for the other side of a
//! named pipe and asking the policy happen here.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::clock::{UTIME_NOW, UTIME_OMIT};
use cenote_abi::fs::{
    AccessFlags, AccessMode, AtFlags, DeviceId, FileType, Mode, OpenFlags, RenameFlags, Stat,
    StatFs, Timespec,
};
use cenote_base::path::join;
use cenote_base::policy::Request;
use cenote_base::{Fd, Gid, SysError, SysResult, Uid};
use cenote_vfs::lookup::{LookupFlags, resolve, resolve_parent};
use cenote_vfs::{Location, LookupContext, NewNode, OpenFile, SetTime, ops};

use super::fd::install;
use super::io::check_new_size;
use super::{At, traced, traced_wait};
use crate::pipe::PipeEnd;
use crate::process::Task;
use crate::tty;

/// What a call does to a file, for the policy.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Use {
    Read,
    Write,
}

impl Task {
    /// Asks the policy about changing a file that was found.
    pub(crate) fn permit_write(&self, location: &Location) -> SysResult {
        if !self.kernel().policy().watches_files() {
            return Ok(());
        }
        let root = self.process().fs().lock().root.clone();
        self.kernel().permit_file(location, &root, true)
    }

    /// Asks the policy about the file that `path` names, there or not.
    fn permit_path(
        &self,
        at: Option<&Location>,
        path: &[u8],
        follow: bool,
        usage: Use,
    ) -> SysResult {
        if !self.kernel().policy().watches_files() {
            return Ok(());
        }
        let path = self.with_lookup(|cx| resolved_path(cx, at, path, follow))?;
        let request = match usage {
            Use::Read => Request::ReadFile { path: &path },
            Use::Write => Request::WriteFile { path: &path },
        };
        self.kernel().permit(&request)
    }
}

/// The path from the root, without links: of the file, or of where it would be made.
fn resolved_path(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
    follow: bool,
) -> SysResult<Vec<u8>> {
    let flags = if follow {
        LookupFlags::FOLLOW | LookupFlags::EMPTY_PATH
    } else {
        LookupFlags::EMPTY_PATH
    };
    match resolve(cx, at, path, flags) {
        Ok(location) => Ok(location.path_from(cx.root)),
        Err(error) if error.errno() == Errno::ENOENT => {
            let parent = resolve_parent(cx, at, path)?;
            let directory = parent.directory.path_from(cx.root);
            Ok(match parent.name(Errno::ENOENT) {
                Ok(name) => join(&directory, name),
                Err(_) => directory,
            })
        }
        Err(error) => Err(error),
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
        let usage = if writes { Use::Write } else { Use::Read };
        task.permit_path(
            start.as_ref(),
            path,
            !flags.contains(OpenFlags::O_NOFOLLOW),
            usage,
        )?;
        let file = task.with_lookup(|cx| ops::open(cx, start.as_ref(), path, flags, mode))?;
        if let (Some(location), true) = (file.location(), task.kernel().policy().watches_files()) {
            // The path may have changed its meaning since the policy was asked.
            let root = task.process().fs().lock().root.clone();
            task.kernel().permit_file(location, &root, writes)?;
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
        task.permit_path(start.as_ref(), path, false, Use::Write)?;
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
        task.permit_path(start.as_ref(), path, false, Use::Write)?;
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
        task.permit_path(
            from.as_ref(),
            old,
            flags.contains(AtFlags::AT_SYMLINK_FOLLOW),
            Use::Read,
        )?;
        task.permit_path(to.as_ref(), new, false, Use::Write)?;
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
        task.permit_path(start.as_ref(), path, false, Use::Write)?;
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
        task.permit_path(start.as_ref(), path, false, Use::Write)?;
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
        task.permit_path(from.as_ref(), old, false, Use::Write)?;
        task.permit_path(to.as_ref(), new, false, Use::Write)?;
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
        task.permit_path(start.as_ref(), path, false, Use::Read)?;
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
            Use::Read,
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
        let usage = if wanted.contains(AccessFlags::W_OK) {
            Use::Write
        } else {
            Use::Read
        };
        task.permit_path(
            start.as_ref(),
            path,
            !flags.contains(AtFlags::AT_SYMLINK_NOFOLLOW),
            usage,
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
            Use::Write,
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
            Use::Write,
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
                    Use::Write,
                )?;
                task.with_lookup(|cx| ops::utimens(cx, start.as_ref(), path, atime, mtime, flags))
            }
            (None, At::Fd(fd)) => {
                let file = task.files().get(fd)?;
                // A pipe or socket has times nobody looks at.
                let Some(location) = file.location() else {
                    return Ok(());
                };
                task.permit_write(location)?;
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
        task.permit_path(None, path, true, Use::Write)?;
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
        task.permit_path(None, path, true, Use::Read)?;
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
        let root = task.with_lookup(|cx| ops::directory(cx, None, path))?;
        if !task.process().credentials().is_privileged() {
            return Err(SysError::new(Errno::EPERM));
        }
        let before = std::mem::replace(&mut task.process().fs().lock().root, root);
        drop(before);
        Ok(())
    })
}
