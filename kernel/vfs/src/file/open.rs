//! An open file description: [`OpenFile`]. Descriptors in any number of processes share it through its `Arc`.
//!
//! It adds to a [`File`] what open(2) calls the description: how it was opened, the offset, the status flags, the
//! place in the tree, locks. It never blocks either.
//!
//! Lock order: `offset` is held while the file reads or writes, and while a directory's entries are told; the closure
//! that is told must not use the same open file.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use cenote_abi::Errno;
use cenote_abi::fs::{AccessMode, FallocFlags, FileType, OpenFlags, Stat, Whence};
use cenote_abi::poll::PollEvents;
use cenote_base::limits::Charge;
use cenote_base::{SysResult, WaitQueue};
use parking_lot::Mutex;

use super::lock::{FileLocks, HeldLock, LockKind, LockOwner, LockRange};
use super::{File, IoctlCaller, IoctlRequest};
use crate::dentry::Location;
use crate::inode::DirEntry;
use crate::permission;
use crate::watch::ChangeKind;

/// The largest offset.
const MAX_OFFSET: u64 = i64::MAX.unsigned_abs();

/// An open file description.
#[derive(Debug)]
pub struct OpenFile {
    id: u64,
    file: Arc<dyn File>,
    location: Option<Location>,
    access: AccessMode,
    status: AtomicU32,
    offset: Mutex<u64>,
    charge: OnceLock<Charge>,
    /// Whether writing takes set-id bits away: whoever opened it is not the superuser.
    strips_set_id: AtomicBool,
    locks: OnceLock<Arc<FileLocks>>,
}

impl OpenFile {
    /// A description of a file without a place: a pipe, a socket, an eventfd.
    #[must_use]
    pub fn new(file: Arc<dyn File>, flags: OpenFlags) -> Arc<Self> {
        Self::make(file, None, flags)
    }

    /// A description of a file with a place in the tree.
    #[must_use]
    pub fn at(file: Arc<dyn File>, location: Location, flags: OpenFlags) -> Arc<Self> {
        Self::make(file, Some(location), flags)
    }

    /// A description of a regular file or directory, which needs no permission any more.
    #[must_use]
    pub fn of_inode(location: Location, flags: OpenFlags) -> Arc<Self> {
        let file = super::InodeFile::new(Arc::clone(location.inode()));
        Self::make(file, Some(location), flags)
    }

    fn make(file: Arc<dyn File>, location: Option<Location>, flags: OpenFlags) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            file,
            location,
            access: flags.access_mode(),
            status: AtomicU32::new(flags.status().bits()),
            offset: Mutex::new(0),
            charge: OnceLock::new(),
            strips_set_id: AtomicBool::new(false),
            locks: OnceLock::new(),
        })
    }

    /// A number no other open file has.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// The file, if it is of type `T`.
    #[must_use]
    pub fn downcast<T: 'static>(&self) -> Option<&T> {
        self.file.as_any().downcast_ref()
    }

    /// The place it was opened at.
    #[must_use]
    pub fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// Keeps a charge (of [`Resource::OpenFiles`](cenote_base::limits::Resource::OpenFiles)) until the last descriptor is gone.
    pub fn hold(&self, charge: Charge) {
        // A second charge would count one description twice: it is given back at once.
        drop(self.charge.set(charge));
    }

    /// Makes writing take set-id bits away.
    pub(crate) fn strip_set_id_bits(&self) {
        self.strips_set_id.store(true, Ordering::Relaxed);
    }

    /// Before content changes: a program must not stay another user's once it can be another program.
    fn about_to_write(&self) -> SysResult {
        match &self.location {
            Some(location) if self.strips_set_id.load(Ordering::Relaxed) => {
                permission::strip_set_id(location.inode())
            }
            _ => Ok(()),
        }
    }

    /// What it was opened for.
    #[must_use]
    pub fn access_mode(&self) -> AccessMode {
        self.access
    }

    /// Access mode and status flags, as `F_GETFL` tells them.
    #[must_use]
    pub fn flags(&self) -> OpenFlags {
        OpenFlags::from_bits_retain(self.status.load(Ordering::Acquire))
    }

    /// Whether calls that would block fail with `EAGAIN` instead.
    #[must_use]
    pub fn is_nonblocking(&self) -> bool {
        self.flags().contains(OpenFlags::O_NONBLOCK)
    }

    /// Replaces the flags that `F_SETFL` can change; ignores the others.
    pub fn set_flags(&self, flags: OpenFlags) {
        let kept = self.flags().difference(OpenFlags::SETTABLE);
        let new = kept | flags.intersection(OpenFlags::SETTABLE);
        self.status.store(new.bits(), Ordering::Release);
        self.file.status_changed(new);
    }

    fn check_readable(&self) -> SysResult {
        if self.access.can_read() {
            Ok(())
        } else {
            Err(Errno::EBADF.into())
        }
    }

    fn check_writable(&self) -> SysResult {
        if self.access.can_write() {
            Ok(())
        } else {
            Err(Errno::EBADF.into())
        }
    }

    /// Reads at the offset and moves it.
    ///
    /// # Errors
    /// `EBADF`: not open for reading. Those of [`File::read`].
    pub fn read(&self, buf: &mut [u8]) -> SysResult<usize> {
        self.check_readable()?;
        if !self.file.is_seekable() {
            return self.file.read(0, buf);
        }
        let mut offset = self.offset.lock();
        let count = self.file.read(*offset, buf)?;
        *offset = offset.saturating_add(count as u64);
        Ok(count)
    }

    /// Writes at the offset (at the end with `O_APPEND`) and moves it.
    ///
    /// # Errors
    /// `EBADF`: not open for writing. Those of [`File::write`].
    pub fn write(&self, buf: &[u8]) -> SysResult<usize> {
        self.check_writable()?;
        if !self.file.is_seekable() {
            return self.file.write(0, buf);
        }
        self.about_to_write()?;
        let mut offset = self.offset.lock();
        let count = if self.flags().contains(OpenFlags::O_APPEND) {
            let (end, count) = self.file.append(buf)?;
            *offset = end;
            count
        } else {
            let count = self.file.write(*offset, buf)?;
            *offset = offset.saturating_add(count as u64);
            count
        };
        drop(offset);
        self.wrote();
        Ok(count)
    }

    /// Reads at `at`; the offset stays.
    ///
    /// # Errors
    /// `EBADF`, `ESPIPE`: has no positions. `EINVAL`: past the largest offset. Those of [`File::read`].
    pub fn pread(&self, buf: &mut [u8], at: u64) -> SysResult<usize> {
        self.check_readable()?;
        self.check_position(at)?;
        self.file.read(at, buf)
    }

    /// Writes at `at` (at the end with `O_APPEND`, as Linux does); the offset stays.
    ///
    /// # Errors
    /// As [`pread`](Self::pread). Those of [`File::write`].
    pub fn pwrite(&self, buf: &[u8], at: u64) -> SysResult<usize> {
        self.check_writable()?;
        self.check_position(at)?;
        self.about_to_write()?;
        let count = if self.flags().contains(OpenFlags::O_APPEND) {
            self.file.append(buf)?.1
        } else {
            self.file.write(at, buf)?
        };
        self.wrote();
        Ok(count)
    }

    fn wrote(&self) {
        self.changed(ChangeKind::Modified);
    }

    fn check_position(&self, at: u64) -> SysResult {
        if !self.file.is_seekable() {
            return Err(Errno::ESPIPE.into());
        }
        if at > MAX_OFFSET {
            Err(Errno::EINVAL.into())
        } else {
            Ok(())
        }
    }

    /// The offset.
    #[must_use]
    pub fn offset(&self) -> u64 {
        *self.offset.lock()
    }

    /// Moves the offset. See lseek(2).
    ///
    /// # Errors
    /// `ESPIPE`: has no positions. `EINVAL`: before the start or past the largest offset. `ENXIO`: no data
    /// or hole there. `EBADF`: only a place.
    pub fn seek(&self, offset: i64, whence: Whence) -> SysResult<u64> {
        if self.access == AccessMode::Path {
            return Err(Errno::EBADF.into());
        }
        if !self.file.is_seekable() {
            return Err(Errno::ESPIPE.into());
        }
        // Linux: fs/libfs.c, dcache_dir_lseek. Positions in a directory are cursors: there is no end to count from.
        if self.is_directory() && !matches!(whence, Whence::Set | Whence::Cur) {
            return Err(Errno::EINVAL.into());
        }
        let mut current = self.offset.lock();
        let target = match whence {
            Whence::Set => u64::try_from(offset).map_err(|_| Errno::EINVAL)?,
            Whence::Cur => Self::relative(*current, offset)?,
            Whence::End => Self::relative(self.stat()?.size, offset)?,
            Whence::Data | Whence::Hole => self
                .file
                .seek_data(u64::try_from(offset).map_err(|_| Errno::ENXIO)?, whence)?,
        };
        *current = target;
        Ok(target)
    }

    fn relative(base: u64, offset: i64) -> SysResult<u64> {
        // Linux answers EINVAL for both ends: vfs_setpos, fs/read_write.c.
        let target = base.checked_add_signed(offset).ok_or(Errno::EINVAL)?;
        if target > MAX_OFFSET {
            Err(Errno::EINVAL.into())
        } else {
            Ok(target)
        }
    }

    /// Tells attributes.
    ///
    /// # Errors
    /// Those of the file or inode.
    pub fn stat(&self) -> SysResult<Stat> {
        if let Some(stat) = self.file.stat()? {
            return Ok(stat);
        }
        match &self.location {
            Some(location) => location.inode().stat(),
            None => Ok(Stat {
                mode: 0o600,
                nlink: 1,
                blksize: 4096,
                ..Stat::default()
            }),
        }
    }

    /// Cuts or lengthens the file.
    ///
    /// # Errors
    /// `EINVAL`: not open for writing, or not a regular file. `EBADF`: only a place. `EFBIG`, `ENOSPC`.
    pub fn truncate(&self, size: u64) -> SysResult {
        match self.access {
            AccessMode::Path => return Err(Errno::EBADF.into()),
            AccessMode::Read => return Err(Errno::EINVAL.into()),
            AccessMode::Write | AccessMode::ReadWrite => {}
        }
        if size > MAX_OFFSET {
            return Err(Errno::EFBIG.into());
        }
        self.about_to_write()?;
        self.file.truncate(size).map_err(|error| {
            if error.errno() == Errno::EISDIR {
                Errno::EINVAL.into()
            } else {
                error
            }
        })?;
        self.wrote();
        Ok(())
    }

    /// Reserves, zeroes or gives up a range. See fallocate(2).
    ///
    /// # Errors
    /// `EBADF`: not open for writing. `EINVAL`: no length. `EFBIG`, `ENOSPC`, `EOPNOTSUPP`, `ENODEV`, `ESPIPE`.
    pub fn allocate(&self, mode: FallocFlags, offset: u64, len: u64) -> SysResult {
        self.check_writable()?;
        if len == 0 || offset > MAX_OFFSET || len > MAX_OFFSET {
            return Err(Errno::EINVAL.into());
        }
        if offset.saturating_add(len) > MAX_OFFSET {
            return Err(Errno::EFBIG.into());
        }
        self.about_to_write()?;
        self.file.allocate(mode, offset, len)?;
        self.wrote();
        Ok(())
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    /// `EINVAL`: not a file of a filesystem. `EBADF`: only a place. `EIO`.
    pub fn sync(&self) -> SysResult {
        if self.access == AccessMode::Path {
            return Err(Errno::EBADF.into());
        }
        self.file.sync()
    }

    /// Tells the entries of a directory from the offset on, `.` and `..` first, until `emit` answers false: that entry
    /// is told again next time.
    ///
    /// # Errors
    /// `ENOTDIR`, `EBADF`: only a place. `ENOENT`: the directory was removed.
    pub fn read_dir(&self, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> SysResult {
        if self.access == AccessMode::Path {
            return Err(Errno::EBADF.into());
        }
        let location = self.location.as_ref().ok_or(Errno::ENOTDIR)?;
        if location.inode().file_type() != FileType::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        if location.is_deleted() {
            return Err(Errno::ENOENT.into());
        }
        let mut offset = self.offset.lock();
        // Offsets 0 and 1 are before the two entries that filesystems leave out; 2 is a filesystem's cursor 0.
        for (index, name) in [(0_u64, &b"."[..]), (1, b"..")] {
            if *offset == index {
                let ino = Self::dot_ino(location, index == 1)?;
                if !emit(DirEntry {
                    name,
                    ino,
                    file_type: FileType::Directory,
                    next_cursor: index + 1,
                }) {
                    return Ok(());
                }
                *offset = index + 1;
            }
        }
        let start = *offset - 2;
        location.inode().read_dir(start, &mut |entry| {
            let next_cursor = entry.next_cursor.saturating_add(2);
            let taken = emit(DirEntry {
                next_cursor,
                ..entry
            });
            if taken {
                *offset = next_cursor;
            }
            taken
        })
    }

    fn dot_ino(location: &Location, is_parent: bool) -> SysResult<u64> {
        let inode = if is_parent {
            let mut at = location.clone();
            while at.is_mount_root() {
                match at.mount().parent() {
                    Some(under) => at = under,
                    None => break,
                }
            }
            at.dentry().parent().map_or_else(
                || Arc::clone(at.inode()),
                |parent| Arc::clone(parent.inode()),
            )
        } else {
            Arc::clone(location.inode())
        };
        Ok(inode.stat()?.ino)
    }

    /// What is possible now.
    #[must_use]
    pub fn poll(&self) -> PollEvents {
        self.file.poll()
    }

    /// Who to tell when that changes.
    #[must_use]
    pub fn wait_queue(&self) -> Option<&WaitQueue> {
        self.file.wait_queue()
    }

    /// Serves what concerns the description, and passes the rest on to the file.
    ///
    /// # Errors
    /// `ENOTTY`: nobody knows the request. `EBADF`: only a place.
    pub fn ioctl(&self, caller: &dyn IoctlCaller, request: IoctlRequest<'_>) -> SysResult<i32> {
        if self.access == AccessMode::Path {
            return Err(Errno::EBADF.into());
        }
        match request {
            IoctlRequest::NonBlocking(on) => {
                self.toggle(OpenFlags::O_NONBLOCK, on);
                Ok(0)
            }
            IoctlRequest::BytesReadable(count) if self.is_regular() => {
                let left = self.stat()?.size.saturating_sub(self.offset());
                *count = i32::try_from(left).unwrap_or(i32::MAX);
                Ok(0)
            }
            request => self.file.ioctl(caller, request),
        }
    }

    fn toggle(&self, flag: OpenFlags, on: bool) {
        let flags = self.flags();
        self.set_flags(if on {
            flags | flag
        } else {
            flags.difference(flag)
        });
    }

    fn is_directory(&self) -> bool {
        self.location
            .as_ref()
            .is_some_and(|location| location.inode().file_type() == FileType::Directory)
    }

    fn is_regular(&self) -> bool {
        self.downcast::<super::InodeFile>().is_some()
            && self
                .location
                .as_ref()
                .is_some_and(|location| location.inode().file_type() == FileType::Regular)
    }

    /// The locks of the file, for waiting on [`FileLocks::queue`] after `EAGAIN`.
    ///
    /// # Errors
    /// Those of `stat`.
    pub fn locks(&self) -> SysResult<&Arc<FileLocks>> {
        if let Some(locks) = self.locks.get() {
            return Ok(locks);
        }
        let locks = match &self.location {
            Some(location) => {
                let stat = location.inode().stat()?;
                location.dentry().tree().locks.of((stat.dev, stat.ino))
            }
            None => Arc::default(),
        };
        Ok(self.locks.get_or_init(|| locks))
    }

    /// Takes, changes or gives up (`None`) this description's lock of the whole file. See flock(2).
    ///
    /// # Errors
    /// `EAGAIN`: another's lock is in the way. `EBADF`: only a place.
    pub fn flock(&self, kind: Option<LockKind>) -> SysResult {
        if self.access == AccessMode::Path {
            return Err(Errno::EBADF.into());
        }
        self.locks()?.set_whole(self.id, kind)
    }

    /// Takes, changes or gives up (`None`) record locks. See fcntl(2), `F_SETLK`.
    ///
    /// # Errors
    /// `EAGAIN`: another owner's lock is in the way. `EBADF`: not open for what the lock is for. `ENOLCK`: too many.
    pub fn set_record_lock(
        &self,
        owner: LockOwner,
        range: LockRange,
        kind: Option<LockKind>,
    ) -> SysResult {
        match kind {
            Some(LockKind::Shared) => self.check_readable()?,
            Some(LockKind::Exclusive) => self.check_writable()?,
            None => {}
        }
        self.locks()?.set_record(owner, range, kind)
    }

    /// Which record lock of another owner is in the way. See fcntl(2), `F_GETLK`.
    ///
    /// # Errors
    /// Those of `stat`.
    pub fn query_record_lock(
        &self,
        owner: LockOwner,
        range: LockRange,
        kind: LockKind,
    ) -> SysResult<Option<HeldLock>> {
        Ok(self.locks()?.query_record(owner, range, kind))
    }

    /// Gives up all record locks of an owner on this file: closing any of a process's descriptors of it does.
    pub fn release_record_locks(&self, owner: LockOwner) {
        let locks = match (self.locks.get(), &self.location) {
            (Some(locks), _) => Some(Arc::clone(locks)),
            (None, Some(location)) => location.dentry().tree().locks.find(|| {
                location
                    .inode()
                    .stat()
                    .ok()
                    .map(|stat| (stat.dev, stat.ino))
            }),
            (None, None) => None,
        };
        if let Some(locks) = locks {
            locks.release_records(owner);
        }
    }

    /// Tells who watches this file of a change.
    pub fn changed(&self, kind: ChangeKind) {
        if let Some(location) = &self.location {
            location.changed(kind);
        }
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.file.released();
        if let Some(locks) = self.locks.get() {
            locks.release_records(LockOwner::OpenFile(self.id));
            if let Err(error) = locks.set_whole(self.id, None) {
                tracing::error!(%error, "giving a lock up cannot fail");
            }
        }
        self.changed(if self.access.can_write() {
            ChangeKind::ClosedWritten
        } else {
            ChangeKind::ClosedUnwritten
        });
    }
}
