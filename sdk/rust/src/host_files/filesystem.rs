//! What the embedder implements: [`HostFileSystem`].

use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

use cenote_abi::Errno;

use crate::FileKind;

/// An answer of a [`HostFileSystem`], as it comes. An error is the errno of the guest's call.
pub type FileAnswer<T> = Pin<Box<dyn Future<Output = Result<T, Errno>> + Send>>;

/// What a path of a [`HostFileSystem`] names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HostStat {
    /// What it is. [`FileKind::Other`] cannot be opened.
    pub kind: FileKind,
    /// In bytes.
    pub size: u64,
    /// Permission bits (the low twelve of `st_mode`).
    pub mode: u32,
    /// The owner in the machine.
    pub uid: u32,
    /// The group in the machine.
    pub gid: u32,
    /// A number that no other file of it has; 0: one is made of the path.
    pub inode: u64,
    /// How many names the file has; 0: one.
    pub links: u64,
    /// When it was last read.
    pub accessed: SystemTime,
    /// When its content last changed.
    pub modified: SystemTime,
    /// When its attributes last changed.
    pub changed: SystemTime,
}

impl HostStat {
    /// A directory of the machine's superuser, mode 755.
    #[must_use]
    pub const fn directory() -> Self {
        Self {
            kind: FileKind::Directory,
            size: 0,
            mode: 0o755,
            uid: 0,
            gid: 0,
            inode: 0,
            links: 0,
            accessed: SystemTime::UNIX_EPOCH,
            modified: SystemTime::UNIX_EPOCH,
            changed: SystemTime::UNIX_EPOCH,
        }
    }

    /// A file of the machine's superuser, mode 644.
    #[must_use]
    pub const fn file(size: u64) -> Self {
        Self {
            kind: FileKind::File,
            size,
            mode: 0o644,
            ..Self::directory()
        }
    }
}

/// Attributes that a guest changes; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FileChanges {
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Time of the last reading.
    pub accessed: Option<SystemTime>,
    /// Time of the last writing.
    pub modified: Option<SystemTime>,
}

fn missing<T: Send + 'static>() -> FileAnswer<T> {
    Box::pin(std::future::ready(Err(Errno::ENOSYS)))
}

/// Files that guests see and your code answers for.
///
/// Paths are relative to the mount's top, without a leading slash; the empty path is the top. They hold no `.` and `..`, and symbolic links
/// were followed by the machine: [`stat`](Self::stat) is always of the link itself. Nothing is remembered between calls, so what you change is
/// seen at once. A guest waits for each answer, at most 30 seconds (`ETIMEDOUT`), and no longer than until it is killed; others go on meanwhile.
/// A panic is `EIO`.
///
/// Futures run on Cenote's own threads. What has no answer here is not there: a filesystem that only reads needs the first three.
pub trait HostFileSystem: Send + Sync + 'static {
    /// Whether it can be asked while the machine is made: to make the working directory in it, and to put seeded files into it.
    fn answers_at_once(&self) -> bool {
        true
    }

    /// What a path names.
    fn stat(&self, path: Vec<u8>) -> FileAnswer<HostStat>;

    /// Names and kinds in a directory, in any order.
    fn read_dir(&self, path: Vec<u8>) -> FileAnswer<Vec<(Vec<u8>, FileKind)>>;

    /// At most `length` bytes from `offset` on; fewer only at the end. At most 1 MiB is asked for.
    fn read(&self, path: Vec<u8>, offset: u64, length: usize) -> FileAnswer<Vec<u8>>;

    /// Writes all of `bytes` (at most 1 MiB) at `offset`, filling a gap before it with zeros.
    fn write(&self, path: Vec<u8>, offset: u64, bytes: Vec<u8>) -> FileAnswer<()> {
        drop((path, offset, bytes));
        missing()
    }

    /// Makes an empty file; `EEXIST` when there is something.
    fn create(&self, path: Vec<u8>, mode: u32) -> FileAnswer<()> {
        drop((path, mode));
        missing()
    }

    /// Cuts a file, or fills it with zeros, to this size.
    fn truncate(&self, path: Vec<u8>, size: u64) -> FileAnswer<()> {
        drop((path, size));
        missing()
    }

    /// Makes a directory; `EEXIST` when there is something.
    fn mkdir(&self, path: Vec<u8>, mode: u32) -> FileAnswer<()> {
        drop((path, mode));
        missing()
    }

    /// Removes what is not a directory.
    fn unlink(&self, path: Vec<u8>) -> FileAnswer<()> {
        drop(path);
        missing()
    }

    /// Removes an empty directory; `ENOTEMPTY`.
    fn rmdir(&self, path: Vec<u8>) -> FileAnswer<()> {
        drop(path);
        missing()
    }

    /// Renames, replacing what is there.
    fn rename(&self, from: Vec<u8>, to: Vec<u8>) -> FileAnswer<()> {
        drop((from, to));
        missing()
    }

    /// Makes a symbolic link at `path` to `target`.
    fn symlink(&self, target: Vec<u8>, path: Vec<u8>) -> FileAnswer<()> {
        drop((target, path));
        missing()
    }

    /// Where a symbolic link leads.
    fn read_link(&self, path: Vec<u8>) -> FileAnswer<Vec<u8>> {
        drop(path);
        missing()
    }

    /// Gives a file another name.
    fn link(&self, from: Vec<u8>, to: Vec<u8>) -> FileAnswer<()> {
        drop((from, to));
        missing()
    }

    /// Changes attributes.
    fn set_attributes(&self, path: Vec<u8>, changes: FileChanges) -> FileAnswer<()> {
        drop((path, changes));
        missing()
    }
}
