//! Open files: [`File`], what can be read, written and waited for; [`OpenFile`], an open file description.

mod inode_file;
mod ioctl;
pub mod lock;
mod open;

use std::any::Any;
use std::fmt::Debug;

use cenote_abi::Errno;
use cenote_abi::fs::{FallocFlags, Stat, Whence};
use cenote_abi::poll::PollEvents;
use cenote_base::{SysResult, WaitQueue};

pub(crate) use inode_file::{InodeFile, PathFile};
pub use ioctl::{IoctlCaller, IoctlRequest, TermiosWhen, TtyRequest};
pub use lock::{HeldLock, LockKind, LockOwner, LockRange};
pub use open::OpenFile;

/// What an open file description does. Never blocks.
pub trait File: Send + Sync + Debug + 'static {
    /// Reads at `at`, which streams ignore. 0 is the end.
    ///
    /// # Errors
    /// `EAGAIN`: nothing yet, wait on the queue. `EINVAL`: cannot be read. `EISDIR`.
    fn read(&self, at: u64, buf: &mut [u8]) -> SysResult<usize> {
        let _ = (at, buf);
        Err(Errno::EINVAL.into())
    }

    /// Writes at `at`, which streams ignore. May write less than asked, but something.
    ///
    /// # Errors
    /// `EAGAIN`: no room yet, wait on the queue. `EINVAL`: cannot be written. `EPIPE`, `ENOSPC`, `EFBIG`.
    fn write(&self, at: u64, buf: &[u8]) -> SysResult<usize> {
        let _ = (at, buf);
        Err(Errno::EINVAL.into())
    }

    /// Writes at the end in one step. Answers the new end and how many bytes were written.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn append(&self, buf: &[u8]) -> SysResult<(u64, usize)> {
        let written = self.write(0, buf)?;
        Ok((0, written))
    }

    /// Whether there are positions in the file: if not, `lseek` and `pread` answer `ESPIPE`.
    fn is_seekable(&self) -> bool {
        false
    }

    /// What is possible now.
    fn poll(&self) -> PollEvents {
        PollEvents::READABLE | PollEvents::WRITABLE
    }

    /// Who to tell when that changes. `None`: it never does.
    fn wait_queue(&self) -> Option<&WaitQueue> {
        None
    }

    /// A request that is not reading or writing.
    ///
    /// # Errors
    /// `ENOTTY`: the file does not know it.
    fn ioctl(&self, caller: &dyn IoctlCaller, request: IoctlRequest<'_>) -> SysResult<i32> {
        let _ = (caller, request);
        Err(Errno::ENOTTY.into())
    }

    /// Attributes of a file that has no inode (a pipe, a socket). `None`: those of the inode.
    ///
    /// # Errors
    /// Those of what is behind the file.
    fn stat(&self) -> SysResult<Option<Stat>> {
        Ok(None)
    }

    /// Cuts or lengthens. The description was opened for writing.
    ///
    /// # Errors
    /// `EINVAL`: not a regular file. `EFBIG`, `ENOSPC`, `EPERM` (sealed).
    fn truncate(&self, size: u64) -> SysResult {
        let _ = size;
        Err(Errno::EINVAL.into())
    }

    /// See [`Inode::allocate`](crate::Inode::allocate).
    ///
    /// # Errors
    /// `ESPIPE`, `ENODEV`: not a regular file; those of the filesystem.
    fn allocate(&self, mode: FallocFlags, offset: u64, len: u64) -> SysResult {
        let _ = (mode, offset, len);
        Err(if self.is_seekable() {
            Errno::ENODEV
        } else {
            Errno::ESPIPE
        }
        .into())
    }

    /// See [`Inode::seek_data`](crate::Inode::seek_data).
    ///
    /// # Errors
    /// `EINVAL`: not a regular file. `ENXIO`.
    fn seek_data(&self, offset: u64, whence: Whence) -> SysResult<u64> {
        let _ = (offset, whence);
        Err(Errno::EINVAL.into())
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    /// `EINVAL`: not a file of a filesystem. `EIO`.
    fn sync(&self) -> SysResult {
        Err(Errno::EINVAL.into())
    }

    /// The status flags changed (`O_NONBLOCK`, `O_APPEND`, by `F_SETFL`).
    fn status_changed(&self, flags: cenote_abi::fs::OpenFlags) {
        let _ = flags;
    }

    /// The last descriptor is gone. Called once, before the file is dropped; waiters may still hold it.
    fn released(&self) {}

    /// This file as itself.
    fn as_any(&self) -> &dyn Any;
}
