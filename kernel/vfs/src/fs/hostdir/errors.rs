//! The host's errors as the guest's.

use std::io;

use cenote_abi::Errno;
use cenote_base::SysError;

/// Maps an error of the host. On Linux numbers are the same; elsewhere the kind decides.
pub(super) fn errno(error: &io::Error) -> SysError {
    let by_number = if cfg!(target_os = "linux") {
        error.raw_os_error().and_then(Errno::from_raw)
    } else {
        None
    };
    let number = by_number.unwrap_or_else(|| match error.kind() {
        io::ErrorKind::NotFound => Errno::ENOENT,
        io::ErrorKind::PermissionDenied => Errno::EACCES,
        io::ErrorKind::AlreadyExists => Errno::EEXIST,
        io::ErrorKind::NotADirectory => Errno::ENOTDIR,
        io::ErrorKind::IsADirectory => Errno::EISDIR,
        io::ErrorKind::DirectoryNotEmpty => Errno::ENOTEMPTY,
        io::ErrorKind::ReadOnlyFilesystem => Errno::EROFS,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Errno::ENOSPC,
        io::ErrorKind::FileTooLarge => Errno::EFBIG,
        io::ErrorKind::CrossesDevices => Errno::EXDEV,
        io::ErrorKind::TooManyLinks => Errno::EMLINK,
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => Errno::EINVAL,
        io::ErrorKind::Unsupported => Errno::EOPNOTSUPP,
        io::ErrorKind::OutOfMemory => Errno::ENOMEM,
        _ => Errno::EIO,
    });
    match number {
        // The descriptors that ran out are this program's, not the guest's.
        Errno::EMFILE => SysError::with_note(
            Errno::ENFILE,
            "this program has no descriptor left for a host file",
        ),
        // A call of ours that was interrupted must not look like one of the guest's.
        Errno::EINTR => Errno::EIO.into(),
        number => number.into(),
    }
}
