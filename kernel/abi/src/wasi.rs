//! Numbers of WASI preview 1 and what they are of Linux's: errnos, kinds of files, flags, structures.
//!
//! Both runtimes speak it: programs of the wasm runtime (`runtimes/wasm/src/wasi_p1`), and JavaScript's `node:wasi`.
//! The one table from [`Errno`] to WASI's is exhaustive where WASI has a number; what WASI cannot say is `io`.

use crate::Errno;
use crate::fs::{FileType, OpenFlags, Stat, Timespec};

/// WASI's `success`.
pub const SUCCESS: u16 = 0;
/// WASI's `badf`.
pub const BADF: u16 = 8;

macro_rules! errno_table {
    ($($linux:ident = $wasi:literal;)*) => {
        /// WASI's number for an errno; 29 (`io`) for those it has none for.
        #[must_use]
        pub fn errno(errno: Errno) -> u16 {
            match errno { $(Errno::$linux => $wasi,)* _ => 29 }
        }
    };
}

errno_table! {
    E2BIG = 1; EACCES = 2; EADDRINUSE = 3; EADDRNOTAVAIL = 4; EAFNOSUPPORT = 5; EAGAIN = 6; EALREADY = 7; EBADF = 8;
    EBADMSG = 9; EBUSY = 10; ECANCELED = 11; ECHILD = 12; ECONNABORTED = 13; ECONNREFUSED = 14; ECONNRESET = 15;
    EDEADLK = 16; EDESTADDRREQ = 17; EDOM = 18; EDQUOT = 19; EEXIST = 20; EFAULT = 21; EFBIG = 22; EHOSTUNREACH = 23;
    EIDRM = 24; EILSEQ = 25; EINPROGRESS = 26; EINTR = 27; EINVAL = 28; EIO = 29; EISCONN = 30; EISDIR = 31; ELOOP = 32;
    EMFILE = 33; EMLINK = 34; EMSGSIZE = 35; EMULTIHOP = 36; ENAMETOOLONG = 37; ENETDOWN = 38; ENETRESET = 39;
    ENETUNREACH = 40; ENFILE = 41; ENOBUFS = 42; ENODEV = 43; ENOENT = 44; ENOEXEC = 45; ENOLCK = 46; ENOLINK = 47;
    ENOMEM = 48; ENOMSG = 49; ENOPROTOOPT = 50; ENOSPC = 51; ENOSYS = 52; ENOTCONN = 53; ENOTDIR = 54; ENOTEMPTY = 55;
    ENOTRECOVERABLE = 56; ENOTSOCK = 57; EOPNOTSUPP = 58; ENOTTY = 59; ENXIO = 60; EOVERFLOW = 61; EOWNERDEAD = 62;
    EPERM = 63; EPIPE = 64; EPROTO = 65; EPROTONOSUPPORT = 66; EPROTOTYPE = 67; ERANGE = 68; EROFS = 69; ESPIPE = 70;
    ESRCH = 71; ESTALE = 72; ETIMEDOUT = 73; ETXTBSY = 74; EXDEV = 75;
}

/// `filetype`.
#[must_use]
pub fn file_type(kind: Option<FileType>) -> u8 {
    match kind {
        // A pipe has no number of its own; programs take 0 for "not a file, not a terminal".
        None | Some(FileType::Fifo) => 0,
        Some(FileType::BlockDevice) => 1,
        Some(FileType::CharDevice) => 2,
        Some(FileType::Directory) => 3,
        Some(FileType::Regular) => 4,
        Some(FileType::Socket) => 6,
        Some(FileType::Symlink) => 7,
    }
}

/// `fdflags`: append.
pub const FDFLAGS_APPEND: i32 = 1;
/// `fdflags`: dsync.
pub const FDFLAGS_DSYNC: i32 = 2;
/// `fdflags`: nonblock.
pub const FDFLAGS_NONBLOCK: i32 = 4;
/// `fdflags`: rsync.
pub const FDFLAGS_RSYNC: i32 = 8;
/// `fdflags`: sync.
pub const FDFLAGS_SYNC: i32 = 16;
/// All of `fdflags`.
pub const ALL_FDFLAGS: i32 = 31;

/// `oflags`: creat.
pub const OFLAGS_CREAT: i32 = 1;
/// `oflags`: directory.
pub const OFLAGS_DIRECTORY: i32 = 2;
/// `oflags`: excl.
pub const OFLAGS_EXCL: i32 = 4;
/// `oflags`: trunc.
pub const OFLAGS_TRUNC: i32 = 8;

/// `rights`: `fd_read`.
pub const RIGHT_FD_READ: u64 = 1 << 1;
/// `rights`: `fd_seek`.
pub const RIGHT_FD_SEEK: u64 = 1 << 2;
/// `rights`: `fd_tell`.
pub const RIGHT_FD_TELL: u64 = 1 << 5;
/// `rights`: `fd_write`.
pub const RIGHT_FD_WRITE: u64 = 1 << 6;
/// `rights`: `fd_allocate`.
pub const RIGHT_FD_ALLOCATE: u64 = 1 << 8;
/// `rights`: `fd_readdir`.
pub const RIGHT_FD_READDIR: u64 = 1 << 14;
/// `rights`: `fd_filestat_set_size`.
pub const RIGHT_FD_SET_SIZE: u64 = 1 << 22;
/// All of `rights`.
pub const ALL_RIGHTS: u64 = (1 << 30) - 1;

/// Status flags for `fdflags`.
#[must_use]
pub fn open_flags(fdflags: i32) -> OpenFlags {
    let mut flags = OpenFlags::empty();
    flags.set(OpenFlags::O_APPEND, fdflags & FDFLAGS_APPEND != 0);
    flags.set(OpenFlags::O_NONBLOCK, fdflags & FDFLAGS_NONBLOCK != 0);
    flags.set(OpenFlags::O_DSYNC, fdflags & FDFLAGS_DSYNC != 0);
    flags.set(
        OpenFlags::O_SYNC,
        fdflags & (FDFLAGS_SYNC | FDFLAGS_RSYNC) != 0,
    );
    flags
}

/// `fdflags` for status flags.
#[must_use]
pub fn fdflags(flags: OpenFlags) -> u16 {
    let mut bits = 0;
    for (flag, bit) in [
        (OpenFlags::O_APPEND, 1),
        (OpenFlags::O_DSYNC, 2),
        (OpenFlags::O_NONBLOCK, 4),
        (OpenFlags::O_SYNC, 16),
    ] {
        if flags.contains(flag) {
            bits |= bit;
        }
    }
    bits
}

/// Nanoseconds since 1970; times before that are 1970.
#[must_use]
pub fn timestamp(time: Timespec) -> u64 {
    u64::try_from(time.sec)
        .unwrap_or(0)
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(time.nsec))
}

/// A time of nanoseconds since 1970.
#[must_use]
pub fn time(nanoseconds: u64) -> Timespec {
    Timespec::from_duration(core::time::Duration::from_nanos(nanoseconds))
}

/// `filestat`: 64 bytes.
#[must_use]
pub fn filestat(stat: &Stat) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..8].copy_from_slice(&stat.dev.to_le_bytes());
    bytes[8..16].copy_from_slice(&stat.ino.to_le_bytes());
    bytes[16] = file_type(stat.file_type());
    bytes[24..32].copy_from_slice(&stat.nlink.to_le_bytes());
    bytes[32..40].copy_from_slice(&stat.size.to_le_bytes());
    for (slot, time) in bytes[40..]
        .chunks_exact_mut(8)
        .zip([stat.atime, stat.mtime, stat.ctime])
    {
        slot.copy_from_slice(&timestamp(time).to_le_bytes());
    }
    bytes
}
