//! Errors, names and times of the `vfs` crate as ours.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use cenote_abi::Errno;
use cenote_abi::fs::Timespec;
use cenote_base::{SysError, SysResult};
use vfs::VfsError;
use vfs::error::VfsErrorKind;

/// What a guest is told of an error.
#[must_use]
pub fn errno(error: &VfsError) -> SysError {
    match error.kind() {
        VfsErrorKind::IoError(error) => io_errno(error),
        VfsErrorKind::FileNotFound => Errno::ENOENT.into(),
        VfsErrorKind::InvalidPath => Errno::EINVAL.into(),
        VfsErrorKind::DirectoryExists | VfsErrorKind::FileExists => Errno::EEXIST.into(),
        VfsErrorKind::NotSupported => {
            SysError::with_note(Errno::EPERM, "the filesystem behind cannot")
        }
        VfsErrorKind::Other(_) => Errno::EIO.into(),
    }
}

/// Maps an error of reading or writing.
pub(super) fn io_errno(error: &io::Error) -> SysError {
    match error.kind() {
        io::ErrorKind::NotFound => Errno::ENOENT,
        io::ErrorKind::PermissionDenied => Errno::EACCES,
        io::ErrorKind::AlreadyExists => Errno::EEXIST,
        io::ErrorKind::StorageFull => Errno::ENOSPC,
        io::ErrorKind::ReadOnlyFilesystem => Errno::EROFS,
        io::ErrorKind::DirectoryNotEmpty => Errno::ENOTEMPTY,
        io::ErrorKind::NotADirectory => Errno::ENOTDIR,
        io::ErrorKind::IsADirectory => Errno::EISDIR,
        io::ErrorKind::InvalidInput => Errno::EINVAL,
        io::ErrorKind::Unsupported => Errno::EPERM,
        _ => Errno::EIO,
    }
    .into()
}

/// A name as that crate takes it. It reads `\` as any other character, but `.` and `..` never reach us.
pub(super) fn name(bytes: &[u8]) -> SysResult<&str> {
    std::str::from_utf8(bytes)
        .map_err(|_| SysError::with_note(Errno::EILSEQ, "names of this filesystem are UTF-8"))
}

/// A time, or the start of 1970 where the filesystem keeps none.
pub(super) fn timespec(time: Option<SystemTime>) -> Timespec {
    let Some(time) = time else {
        return Timespec::ZERO;
    };
    Timespec::from_duration(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A time as that crate takes it; before 1970 is the start of 1970.
pub(super) fn system_time(time: Timespec) -> SystemTime {
    let span = time.to_duration().unwrap_or_default();
    UNIX_EPOCH.checked_add(span).unwrap_or(UNIX_EPOCH)
}
