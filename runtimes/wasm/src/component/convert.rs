//! WASI 0.2's words for the kernel's: errors, kinds of files, times.

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, Stat, Timespec};
use cenote_kernel::syscall::TimeChange;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;

use super::bindings::types::{DescriptorStat, DescriptorType, ErrorCode, NewTimestamp};

macro_rules! error_codes {
    ($($errno:ident = $code:ident;)*) => {
        /// WASI's code for an errno; `io` for what it has no word for.
        pub(super) fn error_code(errno: Errno) -> ErrorCode {
            match errno { $(Errno::$errno => ErrorCode::$code,)* _ => ErrorCode::Io }
        }
    };
}

error_codes! {
    EACCES = Access; EAGAIN = WouldBlock; EALREADY = Already; EBADF = BadDescriptor; EBUSY = Busy; EDEADLK = Deadlock;
    EDQUOT = Quota; EEXIST = Exist; EFBIG = FileTooLarge; EILSEQ = IllegalByteSequence; EINPROGRESS = InProgress;
    EINTR = Interrupted; EINVAL = Invalid; EIO = Io; EISDIR = IsDirectory; ELOOP = Loop; EMLINK = TooManyLinks;
    EMSGSIZE = MessageSize; ENAMETOOLONG = NameTooLong; ENODEV = NoDevice; ENOENT = NoEntry; ENOLCK = NoLock;
    ENOMEM = InsufficientMemory; ENOSPC = InsufficientSpace; ENOTDIR = NotDirectory; ENOTEMPTY = NotEmpty;
    ENOTRECOVERABLE = NotRecoverable; EOPNOTSUPP = Unsupported; ENOSYS = Unsupported; ENOTTY = NoTty; ENXIO = NoSuchDevice;
    EOVERFLOW = Overflow; EPERM = NotPermitted; EPIPE = Pipe; EROFS = ReadOnly; ESPIPE = InvalidSeek; ETXTBSY = TextFileBusy;
    EXDEV = CrossDevice;
}

/// `descriptor-type`.
pub(super) fn descriptor_type(kind: Option<FileType>) -> DescriptorType {
    match kind {
        None => DescriptorType::Unknown,
        Some(FileType::Fifo) => DescriptorType::Fifo,
        Some(FileType::BlockDevice) => DescriptorType::BlockDevice,
        Some(FileType::CharDevice) => DescriptorType::CharacterDevice,
        Some(FileType::Directory) => DescriptorType::Directory,
        Some(FileType::Regular) => DescriptorType::RegularFile,
        Some(FileType::Socket) => DescriptorType::Socket,
        Some(FileType::Symlink) => DescriptorType::SymbolicLink,
    }
}

/// `descriptor-stat`.
pub(super) fn descriptor_stat(stat: &Stat) -> DescriptorStat {
    DescriptorStat {
        type_: descriptor_type(stat.file_type()),
        link_count: stat.nlink,
        size: stat.size,
        data_access_timestamp: Some(datetime(stat.atime)),
        data_modification_timestamp: Some(datetime(stat.mtime)),
        status_change_timestamp: Some(datetime(stat.ctime)),
    }
}

/// `datetime`; times before 1970 are 1970.
fn datetime(time: Timespec) -> Datetime {
    Datetime {
        seconds: u64::try_from(time.sec).unwrap_or(0),
        nanoseconds: time.nsec,
    }
}

/// What a `new-timestamp` asks for.
///
/// # Errors
/// `EINVAL`: not a time.
pub(super) fn time_change(time: NewTimestamp) -> Result<TimeChange, Errno> {
    Ok(match time {
        NewTimestamp::NoChange => TimeChange::Omit,
        NewTimestamp::Now => TimeChange::Now,
        NewTimestamp::Timestamp(time) => {
            if time.nanoseconds >= 1_000_000_000 {
                return Err(Errno::EINVAL);
            }
            TimeChange::To(Timespec {
                sec: i64::try_from(time.seconds).map_err(|_| Errno::EINVAL)?,
                nsec: time.nanoseconds,
            })
        }
    })
}
