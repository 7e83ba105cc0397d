//! What a filesystem implements: [`Inode`], one file of any kind.
//!
//! A filesystem answers the *same* `Arc` for the same file as long as somebody holds it: the tree recognises files by
//! pointer. Permissions, mount flags, umask, symbolic links and paths are the tree's matter, never an inode's; names
//! arrive here as one checked component that is neither `.` nor `..`.

use std::any::Any;
use std::fmt::Debug;
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::fs::{
    DeviceId, FallocFlags, FileType, Mode, OpenFlags, RenameFlags, Stat, Timespec, Whence,
};
use cenote_base::{Gid, SysResult, Uid};
use parking_lot::Mutex;

use crate::dentry::Location;
use crate::file::{File, IoctlCaller};

/// One file of a filesystem: a directory, a regular file, a link, a device….
///
/// Every method has an answer for kinds it does not concern (`ENOTDIR`, `EISDIR`, `EINVAL`, `EPERM`…).
pub trait Inode: Send + Sync + Debug + 'static {
    /// Tells the file's attributes.
    ///
    /// # Errors
    /// Those of the filesystem behind (`EIO`, `ENOENT` where the host's file went away).
    fn stat(&self) -> SysResult<Stat>;

    /// The kind of the file, which never changes.
    fn file_type(&self) -> FileType;

    /// Finds an entry of this directory.
    ///
    /// # Errors
    /// `ENOENT`: no such entry. `ENOTDIR`: not a directory.
    fn lookup(&self, name: &[u8]) -> SysResult<Arc<dyn Inode>> {
        let _ = name;
        Err(Errno::ENOTDIR.into())
    }

    /// Makes a new file in this directory.
    ///
    /// # Errors
    /// `EEXIST`: the name is taken. `ENOENT`: the directory was removed. `ENOSPC`: a limit. `EROFS`, `EPERM`.
    fn create(
        &self,
        name: &[u8],
        node: NewNode<'_>,
        owner: &NewOwner,
    ) -> SysResult<Arc<dyn Inode>> {
        let _ = (name, node, owner);
        Err(self.cannot_change_entries())
    }

    /// Makes a regular file without a name in this directory's filesystem (`O_TMPFILE`). It may be linked later.
    ///
    /// # Errors
    /// `EOPNOTSUPP`: the filesystem cannot.
    fn create_unnamed(&self, owner: &NewOwner) -> SysResult<Arc<dyn Inode>> {
        let _ = owner;
        Err(Errno::EOPNOTSUPP.into())
    }

    /// Gives `target`, a file of the same filesystem that is no directory, another name in this directory.
    ///
    /// # Errors
    /// `EEXIST`, `EXDEV`: `target` is of another filesystem. `EMLINK`, `ENOENT`: `target` has no name left. `EPERM`.
    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> SysResult {
        let _ = (name, target);
        Err(self.cannot_change_entries())
    }

    /// Removes an entry that is not a directory.
    ///
    /// # Errors
    /// `ENOENT`, `EISDIR`.
    fn unlink(&self, name: &[u8]) -> SysResult {
        let _ = name;
        Err(self.cannot_change_entries())
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `ENOTEMPTY`.
    fn rmdir(&self, name: &[u8]) -> SysResult {
        let _ = name;
        Err(self.cannot_change_entries())
    }

    /// Moves an entry of this directory to `to_dir`, replacing or exchanging what is there, in one step.
    ///
    /// # Errors
    /// `ENOENT`, `EEXIST` (`RENAME_NOREPLACE`), `ENOTEMPTY`, `EISDIR`, `ENOTDIR`, `EINVAL`: into itself or below.
    /// `EXDEV`: `to_dir` is of another filesystem.
    fn rename(
        &self,
        from: &[u8],
        to_dir: &Arc<dyn Inode>,
        to: &[u8],
        flags: RenameFlags,
    ) -> SysResult {
        let _ = (from, to_dir, to, flags);
        Err(self.cannot_change_entries())
    }

    /// Tells the entries from `cursor` on, without `.` and `..`, until `emit` answers false.
    ///
    /// Cursors are opaque, 0 is the start; an entry's `next_cursor` continues after it. An entry that stays in the
    /// directory is told once, however many others come and go between two calls.
    ///
    /// # Errors
    /// `ENOTDIR`.
    fn read_dir(&self, cursor: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> SysResult {
        let (_, _) = (cursor, emit);
        Err(Errno::ENOTDIR.into())
    }

    /// Tells where a symbolic link points.
    ///
    /// # Errors
    /// `EINVAL`: not a link.
    fn read_link(&self) -> SysResult<Vec<u8>> {
        Err(Errno::EINVAL.into())
    }

    /// As [`read_link`](Self::read_link), for links that say something else to each process (`/proc/self`).
    ///
    /// # Errors
    /// As `read_link`.
    fn read_link_as(&self, caller: Option<&dyn IoctlCaller>) -> SysResult<Vec<u8>> {
        let _ = caller;
        self.read_link()
    }

    /// Where following the link leads: a path to walk, or straight to a place (`/proc/self/fd/1`).
    ///
    /// # Errors
    /// As `read_link`.
    fn follow_link(&self, caller: Option<&dyn IoctlCaller>) -> SysResult<LinkTarget> {
        self.read_link_as(caller).map(LinkTarget::Path)
    }

    /// Changes attributes, all or none; the change time follows.
    ///
    /// # Errors
    /// `EPERM`, `EROFS`; for a size: `EISDIR`, `EINVAL`, `EFBIG`, `ENOSPC`.
    fn set_attributes(&self, changes: &AttributeChanges) -> SysResult {
        let _ = changes;
        Err(Errno::EPERM.into())
    }

    /// Reads bytes at `offset`; 0 at or past the end.
    ///
    /// # Errors
    /// `EISDIR`, `EINVAL`: not a regular file.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> SysResult<usize> {
        let _ = (offset, buf);
        Err(self.not_regular())
    }

    /// Writes bytes at `offset`, filling a gap before it with zeros. Answers how many were written, at least one.
    ///
    /// # Errors
    /// `EFBIG`: past the largest size. `ENOSPC`: a limit. `EROFS`.
    fn write_at(&self, offset: u64, buf: &[u8]) -> SysResult<usize> {
        let _ = (offset, buf);
        Err(self.not_regular())
    }

    /// Writes bytes at the end, in one step. Answers the new end and how many were written.
    ///
    /// # Errors
    /// As [`write_at`](Self::write_at).
    fn append(&self, buf: &[u8]) -> SysResult<(u64, usize)> {
        let end = self.stat()?.size;
        let written = self.write_at(end, buf)?;
        Ok((end.saturating_add(written as u64), written))
    }

    /// Reserves, zeroes or gives up a range. See fallocate(2).
    ///
    /// # Errors
    /// `EOPNOTSUPP`: a mode the filesystem does not have. `EFBIG`, `ENOSPC`.
    fn allocate(&self, mode: FallocFlags, offset: u64, len: u64) -> SysResult {
        let _ = (mode, offset, len);
        Err(Errno::EOPNOTSUPP.into())
    }

    /// Finds the next data or hole at or after `offset` (`SEEK_DATA`, `SEEK_HOLE`).
    ///
    /// # Errors
    /// `ENXIO`: past the end, or only holes follow.
    fn seek_data(&self, offset: u64, whence: Whence) -> SysResult<u64> {
        let size = self.stat()?.size;
        if offset >= size {
            return Err(Errno::ENXIO.into());
        }
        Ok(if whence == Whence::Hole { size } else { offset })
    }

    /// Makes what was written durable, where the filesystem has something to be durable on.
    ///
    /// # Errors
    /// `EIO`: of the host.
    fn sync(&self) -> SysResult {
        Ok(())
    }

    /// Opens a file of its own kind (a device, a file of procfs). `None`: the ordinary behaviour of the file's kind.
    ///
    /// # Errors
    /// Those of the device (`ENXIO`, `EIO`, `EACCES`…).
    fn open(self: Arc<Self>, flags: OpenFlags) -> SysResult<Option<Arc<dyn File>>> {
        let _ = flags;
        Ok(None)
    }

    /// As [`open`](Self::open), for files that are another one for each process (`/dev/tty`).
    ///
    /// # Errors
    /// As `open`.
    fn open_as(
        self: Arc<Self>,
        flags: OpenFlags,
        caller: Option<&dyn IoctlCaller>,
    ) -> SysResult<Option<Arc<dyn File>>> {
        let _ = caller;
        self.open(flags)
    }

    /// Where a named pipe keeps its ring and a bound socket its listener, as long as they are in use.
    fn attachment(&self) -> Option<&Attachment> {
        None
    }

    /// Whether calls of this file wait for somebody who may take long: no lock of the tree is held over them then. A rename that comes between a
    /// look and its answer is what such a filesystem has to live with anyway.
    fn is_slow(&self) -> bool {
        false
    }

    /// This inode as itself.
    fn as_any(&self) -> &dyn Any;

    /// The SHA-256 of content that cannot change, for caches of compiled code.
    fn content_digest(&self) -> Option<[u8; 32]> {
        None
    }

    /// The whole of content that cannot change, without copying.
    fn shared_bytes(&self) -> Option<Arc<[u8]>> {
        None
    }

    /// What changing entries fails with by default: `ENOTDIR` for what is no directory, else `EPERM`.
    fn cannot_change_entries(&self) -> cenote_base::SysError {
        if self.file_type() == FileType::Directory {
            Errno::EPERM.into()
        } else {
            Errno::ENOTDIR.into()
        }
    }

    /// What reading and writing fails with by default.
    fn not_regular(&self) -> cenote_base::SysError {
        if self.file_type() == FileType::Directory {
            Errno::EISDIR.into()
        } else {
            Errno::EINVAL.into()
        }
    }
}

/// What [`Inode::create`] makes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NewNode<'a> {
    /// An empty file.
    Regular,
    /// An empty directory.
    Directory,
    /// A symbolic link to this path.
    Symlink(&'a [u8]),
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
    /// A device file.
    Device(FileType, DeviceId),
}

impl NewNode<'_> {
    /// The kind of file that will be made.
    #[must_use]
    pub const fn file_type(&self) -> FileType {
        match self {
            Self::Regular => FileType::Regular,
            Self::Directory => FileType::Directory,
            Self::Symlink(_) => FileType::Symlink,
            Self::Fifo => FileType::Fifo,
            Self::Socket => FileType::Socket,
            Self::Device(kind, _) => *kind,
        }
    }
}

/// Whose a new file is, and its permissions, after umask and set-group-id directories.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NewOwner {
    /// The permissions.
    pub mode: Mode,
    /// The owner.
    pub uid: Uid,
    /// The group.
    pub gid: Gid,
}

impl NewOwner {
    /// A file of the superuser's.
    #[must_use]
    pub const fn root(mode: Mode) -> Self {
        Self {
            mode,
            uid: Uid::ROOT,
            gid: Gid::ROOT,
        }
    }
}

/// An entry of a directory, as [`Inode::read_dir`] tells it.
#[derive(Clone, Copy, Debug)]
pub struct DirEntry<'a> {
    /// The name.
    pub name: &'a [u8],
    /// The inode's number.
    pub ino: u64,
    /// The kind of file.
    pub file_type: FileType,
    /// The cursor that continues after this entry.
    pub next_cursor: u64,
}

/// A time to set: the filesystem's now, or a given one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SetTime {
    /// The time at which the change is made.
    Now,
    /// This time.
    To(Timespec),
}

/// Attributes to change; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AttributeChanges {
    /// Permissions.
    pub mode: Option<Mode>,
    /// Owner.
    pub uid: Option<Uid>,
    /// Group.
    pub gid: Option<Gid>,
    /// Time of the last reading.
    pub atime: Option<SetTime>,
    /// Time of the last writing.
    pub mtime: Option<SetTime>,
    /// Size; cuts or fills with zeros.
    pub size: Option<u64>,
}

/// Where a symbolic link leads.
#[derive(Clone, Debug)]
pub enum LinkTarget {
    /// A path, walked from the link's directory.
    Path(Vec<u8>),
    /// A place, reached at once: the "magic links" of procfs.
    Location(Location),
}

/// A slot on a fifo's or socket's inode for what is behind it while somebody has it open.
///
/// Lock order: a leaf.
#[derive(Debug, Default)]
pub struct Attachment {
    slot: Mutex<Option<Weak<dyn Any + Send + Sync>>>,
}

impl Attachment {
    /// What is attached, if it is of type `T` and still in use.
    #[must_use]
    pub fn find<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.slot.lock().as_ref()?.upgrade()?.downcast().ok()
    }

    /// What is attached, or what `make` makes and is attached then.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn find_or_attach<T: Any + Send + Sync>(
        &self,
        make: impl FnOnce() -> SysResult<Arc<T>>,
    ) -> SysResult<Arc<T>> {
        let mut slot = self.slot.lock();
        if let Some(found) = slot
            .as_ref()
            .and_then(Weak::upgrade)
            .and_then(|any| any.downcast().ok())
        {
            return Ok(found);
        }
        let made = make()?;
        let any: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(&made);
        *slot = Some(Arc::downgrade(&any));
        Ok(made)
    }

    /// Attaches `thing`, replacing what is there.
    pub fn attach<T: Any + Send + Sync>(&self, thing: &Arc<T>) {
        let any: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(thing);
        *self.slot.lock() = Some(Arc::downgrade(&any));
    }
}
