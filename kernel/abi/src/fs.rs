//! Files: how they are opened, named, described, sought, locked and counted.
//!
//! [`OpenFlags`] splits into [`AccessMode`], status bits (of the open file, `F_GETFL`) and descriptor bits
//! (`O_CLOEXEC`). [`Stat`] has the widest type of each field; runtimes lay it out for their guests.
//! Follows open(2), fcntl(2), inode(7), statx(2) on x86-64.

use core::time::Duration;

flags! {
    /// The flags of `open`, and the status flags of an open file.
    pub struct OpenFlags: u32 {
        O_WRONLY = 0o1,
        O_RDWR = 0o2,
        O_CREAT = 0o100,
        O_EXCL = 0o200,
        O_NOCTTY = 0o400,
        O_TRUNC = 0o1000,
        O_APPEND = 0o2000,
        O_NONBLOCK = 0o4000,
        O_DSYNC = 0o10000,
        O_ASYNC = 0o20000,
        O_DIRECT = 0o40000,
        O_LARGEFILE = 0o100_000,
        O_DIRECTORY = 0o200_000,
        O_NOFOLLOW = 0o400_000,
        O_NOATIME = 0o1_000_000,
        O_CLOEXEC = 0o2_000_000,
        /// Includes `O_DSYNC`, as Linux defines it.
        O_SYNC = 0o4_010_000,
        O_PATH = 0o10_000_000,
        /// Includes `O_DIRECTORY`, as Linux defines it.
        O_TMPFILE = 0o20_200_000,
    }
}

/// What an open file may be used for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AccessMode {
    /// Reading only.
    Read,
    /// Writing only.
    Write,
    /// Both.
    ReadWrite,
    /// Neither: the file is only a place in the tree (`O_PATH`).
    Path,
}

impl AccessMode {
    /// Tells whether bytes may be read.
    #[must_use]
    pub const fn can_read(self) -> bool {
        matches!(self, Self::Read | Self::ReadWrite)
    }

    /// Tells whether bytes may be written.
    #[must_use]
    pub const fn can_write(self) -> bool {
        matches!(self, Self::Write | Self::ReadWrite)
    }
}

impl OpenFlags {
    /// Opening for reading only: the absence of the other two.
    pub const O_RDONLY: Self = Self::empty();
    /// The two bits that hold the access mode.
    pub const O_ACCMODE: Self = Self::O_WRONLY.union(Self::O_RDWR);
    /// The bits `F_SETFL` can change.
    pub const SETTABLE: Self = Self::O_APPEND
        .union(Self::O_NONBLOCK)
        .union(Self::O_ASYNC)
        .union(Self::O_DIRECT)
        .union(Self::O_NOATIME);

    /// Returns what the file is opened for; the meaningless mode 3 counts as reading and writing, as in Linux's checks.
    #[must_use]
    pub const fn access_mode(self) -> AccessMode {
        if self.contains(Self::O_PATH) {
            AccessMode::Path
        } else if self.contains(Self::O_RDWR) {
            AccessMode::ReadWrite
        } else if self.contains(Self::O_WRONLY) {
            AccessMode::Write
        } else {
            AccessMode::Read
        }
    }

    /// Returns the bits `F_GETFL` shows: all but those that only steer the opening, and `O_CLOEXEC`.
    #[must_use]
    pub const fn status(self) -> Self {
        // Linux: fs/open.c, do_dentry_open drops exactly these.
        self.difference(
            Self::O_CREAT
                .union(Self::O_EXCL)
                .union(Self::O_NOCTTY)
                .union(Self::O_TRUNC)
                .union(Self::O_CLOEXEC),
        )
    }

    /// Returns the part that belongs to the descriptor rather than to the open file.
    #[must_use]
    pub const fn descriptor(self) -> FdFlags {
        if self.contains(Self::O_CLOEXEC) {
            FdFlags::FD_CLOEXEC
        } else {
            FdFlags::empty()
        }
    }
}

flags! {
    /// The flags of a descriptor (`F_GETFD`).
    pub struct FdFlags: u32 {
        FD_CLOEXEC = 1,
    }
}

constants! { i32 {
    F_DUPFD = 0, F_GETFD = 1, F_SETFD = 2, F_GETFL = 3, F_SETFL = 4, F_GETLK = 5, F_SETLK = 6, F_SETLKW = 7,
    F_SETOWN = 8, F_GETOWN = 9, F_SETSIG = 10, F_GETSIG = 11, F_SETOWN_EX = 15, F_GETOWN_EX = 16,
    F_OFD_GETLK = 36, F_OFD_SETLK = 37, F_OFD_SETLKW = 38, F_SETLEASE = 1024, F_GETLEASE = 1025, F_NOTIFY = 1026,
    F_DUPFD_CLOEXEC = 1030, F_SETPIPE_SZ = 1031, F_GETPIPE_SZ = 1032, F_ADD_SEALS = 1033, F_GET_SEALS = 1034,
    LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8,
    POSIX_FADV_NORMAL = 0, POSIX_FADV_RANDOM = 1, POSIX_FADV_SEQUENTIAL = 2, POSIX_FADV_WILLNEED = 3,
    POSIX_FADV_DONTNEED = 4, POSIX_FADV_NOREUSE = 5,
    XATTR_CREATE = 1, XATTR_REPLACE = 2,
} }

/// The directory descriptor that means the working directory.
pub const AT_FDCWD: i32 = -100;

flags! {
    /// The flags of the `…at` calls. `AT_EACCESS` and `AT_REMOVEDIR` share a bit; the call tells which is meant.
    pub struct AtFlags: u32 {
        AT_SYMLINK_NOFOLLOW = 0x100,
        AT_REMOVEDIR = 0x200,
        AT_EACCESS = 0x200,
        AT_SYMLINK_FOLLOW = 0x400,
        AT_NO_AUTOMOUNT = 0x800,
        AT_EMPTY_PATH = 0x1000,
        AT_STATX_FORCE_SYNC = 0x2000,
        AT_STATX_DONT_SYNC = 0x4000,
        AT_RECURSIVE = 0x8000,
    }
}

/// The kind of a file.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FileType {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device, such as a terminal.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A pipe, named or not.
    Fifo,
    /// A socket.
    Socket,
}

constants! { u32 {
    S_IFMT = 0o170_000, S_IFSOCK = 0o140_000, S_IFLNK = 0o120_000, S_IFREG = 0o100_000, S_IFBLK = 0o60_000,
    S_IFDIR = 0o40_000, S_IFCHR = 0o20_000, S_IFIFO = 0o10_000,
} }

constants! { u8 {
    DT_UNKNOWN = 0, DT_FIFO = 1, DT_CHR = 2, DT_DIR = 4, DT_BLK = 6, DT_REG = 8, DT_LNK = 10, DT_SOCK = 12,
} }

impl FileType {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Regular,
        Self::Directory,
        Self::Symlink,
        Self::CharDevice,
        Self::BlockDevice,
        Self::Fifo,
        Self::Socket,
    ];

    /// Returns the bits of the kind in a mode word (`S_IFREG`…).
    #[must_use]
    pub const fn mode_bits(self) -> u32 {
        match self {
            Self::Regular => S_IFREG,
            Self::Directory => S_IFDIR,
            Self::Symlink => S_IFLNK,
            Self::CharDevice => S_IFCHR,
            Self::BlockDevice => S_IFBLK,
            Self::Fifo => S_IFIFO,
            Self::Socket => S_IFSOCK,
        }
    }

    /// Returns the kind in a mode word; `None` when its bits are of no kind.
    #[must_use]
    pub const fn from_mode(mode: u32) -> Option<Self> {
        Some(match mode & S_IFMT {
            S_IFREG => Self::Regular,
            S_IFDIR => Self::Directory,
            S_IFLNK => Self::Symlink,
            S_IFCHR => Self::CharDevice,
            S_IFBLK => Self::BlockDevice,
            S_IFIFO => Self::Fifo,
            S_IFSOCK => Self::Socket,
            _ => return None,
        })
    }

    /// Returns the number directory entries carry (`DT_REG`…).
    #[must_use]
    pub const fn dirent_type(self) -> u8 {
        match self {
            Self::Regular => DT_REG,
            Self::Directory => DT_DIR,
            Self::Symlink => DT_LNK,
            Self::CharDevice => DT_CHR,
            Self::BlockDevice => DT_BLK,
            Self::Fifo => DT_FIFO,
            Self::Socket => DT_SOCK,
        }
    }
}

flags! {
    /// The permission bits of a file: the low twelve of its mode.
    pub struct Mode: u32 {
        S_ISUID = 0o4000,
        S_ISGID = 0o2000,
        S_ISVTX = 0o1000,
        S_IRUSR = 0o400,
        S_IWUSR = 0o200,
        S_IXUSR = 0o100,
        S_IRGRP = 0o40,
        S_IWGRP = 0o20,
        S_IXGRP = 0o10,
        S_IROTH = 0o4,
        S_IWOTH = 0o2,
        S_IXOTH = 0o1,
        S_IRWXU = 0o700,
        S_IRWXG = 0o70,
        S_IRWXO = 0o7,
    }
}

impl Mode {
    /// Takes the permission bits out of a mode word; other bits are dropped.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Self {
        Self::from_bits_truncate(raw)
    }

    /// Returns the bits.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.bits()
    }
}

/// A point in time, or a span: seconds and nanoseconds (below 1,000,000,000).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timespec {
    /// Whole seconds; negative before 1970.
    pub sec: i64,
    /// Nanoseconds past the second.
    pub nsec: u32,
}

impl Timespec {
    /// The epoch, and the empty span.
    pub const ZERO: Self = Self { sec: 0, nsec: 0 };
    /// How many nanoseconds a second has.
    pub const NANOSECONDS: u32 = 1_000_000_000;

    /// Makes a time; `None` when the nanoseconds make a second or more.
    #[must_use]
    pub const fn new(sec: i64, nsec: u32) -> Option<Self> {
        if nsec < Self::NANOSECONDS {
            Some(Self { sec, nsec })
        } else {
            None
        }
    }

    /// Tells whether both parts are zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.sec == 0 && self.nsec == 0
    }

    /// Makes a time from a span; seconds past `i64` stop there.
    #[must_use]
    pub fn from_duration(span: Duration) -> Self {
        Self {
            sec: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
            nsec: span.subsec_nanos(),
        }
    }

    /// Returns the span; `None` when negative or when the nanoseconds make a second or more.
    #[must_use]
    pub fn to_duration(self) -> Option<Duration> {
        if self.nsec >= Self::NANOSECONDS {
            return None;
        }
        Some(Duration::new(u64::try_from(self.sec).ok()?, self.nsec))
    }

    /// Returns the time a span later; stops at the end of time.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        // Both parts are below one second, so the sum is below two.
        let nsec = self.nsec.saturating_add(span.subsec_nanos());
        let carry = nsec / Self::NANOSECONDS;
        let sec = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        Self {
            sec: self
                .sec
                .saturating_add(sec)
                .saturating_add(i64::from(carry)),
            nsec: nsec % Self::NANOSECONDS,
        }
    }
}

impl From<Duration> for Timespec {
    fn from(span: Duration) -> Self {
        Self::from_duration(span)
    }
}

impl TryFrom<Timespec> for Duration {
    type Error = crate::Errno;

    fn try_from(time: Timespec) -> Result<Self, Self::Error> {
        time.to_duration().ok_or(crate::Errno::EINVAL)
    }
}

/// A device number.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct DeviceId {
    /// The driver.
    pub major: u32,
    /// The device of that driver.
    pub minor: u32,
}

impl DeviceId {
    /// Makes a device number.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Returns the number `st_rdev` holds, as glibc's `makedev` packs it.
    #[must_use]
    pub const fn encode(self) -> u64 {
        let major = self.major as u64;
        let minor = self.minor as u64;
        ((major & 0xffff_f000) << 32)
            | ((major & 0xfff) << 8)
            | ((minor & 0xffff_ff00) << 12)
            | (minor & 0xff)
    }

    /// Unpacks a number as glibc's `major` and `minor` do.
    #[must_use]
    pub const fn decode(dev: u64) -> Self {
        // Bits 0..8 and 20..44 are the minor number, 8..20 and 44..64 the major one.
        Self {
            major: low_half((dev >> 8) & 0xfff | (dev >> 32) & 0xffff_f000),
            minor: low_half(dev & 0xff | (dev >> 12) & 0xffff_ff00),
        }
    }
}

/// Returns the low 32 bits.
const fn low_half(word: u64) -> u32 {
    let [a, b, c, d, ..] = word.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// What `stat` tells of a file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stat {
    /// The filesystem.
    pub dev: u64,
    /// The inode within it.
    pub ino: u64,
    /// How many names it has.
    pub nlink: u64,
    /// Kind and permissions.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// For device files, which device ([`DeviceId::encode`]).
    pub rdev: u64,
    /// The size in bytes.
    pub size: u64,
    /// The size of block best used for input and output.
    pub blksize: u32,
    /// How many 512-byte blocks it occupies.
    pub blocks: u64,
    /// When it was last read.
    pub atime: Timespec,
    /// When its content last changed.
    pub mtime: Timespec,
    /// When its inode last changed.
    pub ctime: Timespec,
    /// When it was made.
    pub btime: Timespec,
}

impl Stat {
    /// Returns the kind of the file; `None` when the mode has no kind's bits.
    #[must_use]
    pub const fn file_type(&self) -> Option<FileType> {
        FileType::from_mode(self.mode)
    }

    /// Returns the permission bits.
    #[must_use]
    pub const fn permissions(&self) -> Mode {
        Mode::from_raw(self.mode)
    }
}

/// What `statfs` tells of a filesystem; sizes in blocks of `block_size`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StatFs {
    /// The filesystem's magic number.
    pub magic: u64,
    /// The size of a block, in bytes.
    pub block_size: u64,
    /// All blocks.
    pub blocks: u64,
    /// Blocks that are free.
    pub free_blocks: u64,
    /// Blocks an ordinary user may take.
    pub available_blocks: u64,
    /// All inodes.
    pub files: u64,
    /// Inodes that are free.
    pub free_files: u64,
    /// An identity of the filesystem.
    pub id: u64,
    /// The longest name.
    pub name_length: u64,
    /// Mount flags (`ST_RDONLY`…).
    pub flags: u64,
}

constants! { u64 {
    ST_RDONLY = 1, ST_NOSUID = 2, ST_NODEV = 4, ST_NOEXEC = 8, ST_SYNCHRONOUS = 16, ST_NOATIME = 1024,
    TMPFS_MAGIC = 0x0102_1994, PROC_SUPER_MAGIC = 0x9fa0, DEVPTS_SUPER_MAGIC = 0x1cd1, PIPEFS_MAGIC = 0x5049_5045,
    SOCKFS_MAGIC = 0x534f_434b, OVERLAYFS_SUPER_MAGIC = 0x794c_7630, ANON_INODE_FS_MAGIC = 0x0904_1934,
    EXT4_SUPER_MAGIC = 0xef53, SYSFS_MAGIC = 0x6265_6572, FUSE_SUPER_MAGIC = 0x6573_5546, RAMFS_MAGIC = 0x8584_58f6,
} }

numbered! {
    /// What a seek is relative to.
    pub enum Whence: i32 {
        Set = SEEK_SET: 0,
        Cur = SEEK_CUR: 1,
        End = SEEK_END: 2,
        Data = SEEK_DATA: 3,
        Hole = SEEK_HOLE: 4,
    }
}

flags! {
    /// The flags of `renameat2`.
    pub struct RenameFlags: u32 {
        RENAME_NOREPLACE = 1,
        RENAME_EXCHANGE = 2,
        RENAME_WHITEOUT = 4,
    }
}

flags! {
    /// What `access` asks for; nothing at all (`F_OK`) asks whether the file exists.
    pub struct AccessFlags: u32 {
        X_OK = 1,
        W_OK = 2,
        R_OK = 4,
    }
}

impl AccessFlags {
    /// Only existence.
    pub const F_OK: Self = Self::empty();
}

flags! {
    /// The fields `statx` asks for and answers.
    pub struct StatxMask: u32 {
        STATX_TYPE = 0x1,
        STATX_MODE = 0x2,
        STATX_NLINK = 0x4,
        STATX_UID = 0x8,
        STATX_GID = 0x10,
        STATX_ATIME = 0x20,
        STATX_MTIME = 0x40,
        STATX_CTIME = 0x80,
        STATX_INO = 0x100,
        STATX_SIZE = 0x200,
        STATX_BLOCKS = 0x400,
        STATX_BASIC_STATS = 0x7ff,
        STATX_BTIME = 0x800,
        STATX_MNT_ID = 0x1000,
    }
}

flags! {
    /// The modes of `fallocate`.
    pub struct FallocFlags: u32 {
        FALLOC_FL_KEEP_SIZE = 0x1,
        FALLOC_FL_PUNCH_HOLE = 0x2,
        FALLOC_FL_COLLAPSE_RANGE = 0x8,
        FALLOC_FL_ZERO_RANGE = 0x10,
        FALLOC_FL_INSERT_RANGE = 0x20,
        FALLOC_FL_UNSHARE_RANGE = 0x40,
    }
}

flags! {
    /// The seals of a memory file.
    pub struct SealFlags: u32 {
        F_SEAL_SEAL = 1,
        F_SEAL_SHRINK = 2,
        F_SEAL_GROW = 4,
        F_SEAL_WRITE = 8,
        F_SEAL_FUTURE_WRITE = 0x10,
        F_SEAL_EXEC = 0x20,
    }
}

flags! {
    /// The flags of `close_range`.
    pub struct CloseRangeFlags: u32 {
        CLOSE_RANGE_UNSHARE = 2,
        CLOSE_RANGE_CLOEXEC = 4,
    }
}

flags! {
    /// The flags of `preadv2` and `pwritev2`.
    pub struct ReadWriteFlags: u32 {
        RWF_HIPRI = 1,
        RWF_DSYNC = 2,
        RWF_SYNC = 4,
        RWF_NOWAIT = 8,
        RWF_APPEND = 0x10,
    }
}

flags! {
    /// The flags of `mount`.
    pub struct MountFlags: u64 {
        MS_RDONLY = 1,
        MS_NOSUID = 2,
        MS_NODEV = 4,
        MS_NOEXEC = 8,
        MS_SYNCHRONOUS = 16,
        MS_REMOUNT = 32,
        MS_NOATIME = 1024,
        MS_NODIRATIME = 2048,
        MS_BIND = 4096,
        MS_MOVE = 8192,
        MS_REC = 16384,
        MS_PRIVATE = 1 << 18,
        MS_RELATIME = 1 << 21,
    }
}

flags! {
    /// How `openat2` resolves a path.
    pub struct ResolveFlags: u64 {
        RESOLVE_NO_XDEV = 0x1,
        RESOLVE_NO_MAGICLINKS = 0x2,
        RESOLVE_NO_SYMLINKS = 0x4,
        RESOLVE_BENEATH = 0x8,
        RESOLVE_IN_ROOT = 0x10,
        RESOLVE_CACHED = 0x20,
    }
}

numbered! {
    /// The kind of a record lock.
    pub enum LockType: i16 {
        Read = F_RDLCK: 0,
        Write = F_WRLCK: 1,
        Unlock = F_UNLCK: 2,
    }
}

/// A record lock, as `fcntl` takes and tells it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Flock {
    /// Shared, exclusive or released.
    pub kind: LockType,
    /// What `start` is relative to.
    pub whence: Whence,
    /// The first byte.
    pub start: i64,
    /// How many bytes; 0 is to the end of the file, however long it grows; negative is backwards.
    pub len: i64,
    /// For `F_GETLK`: the process that holds the lock.
    pub pid: i32,
}

constants! { usize {
    /// The longest path, its final zero included.
    PATH_MAX = 4096,
    /// The longest name of one component.
    NAME_MAX = 255,
    /// How many symbolic links one lookup follows.
    SYMLOOP_MAX = 40,
    /// How many buffers one scattered read or gathered write takes.
    IOV_MAX = 1024,
    /// Up to how many bytes a write to a pipe is whole or not at all.
    PIPE_BUF = 4096,
    /// The length of the longest attribute name.
    XATTR_NAME_MAX = 255,
    /// The length of the longest attribute value.
    XATTR_SIZE_MAX = 65536,
} }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_round_trip_through_the_mode() {
        for &kind in FileType::ALL {
            assert_eq!(FileType::from_mode(kind.mode_bits() | 0o7777), Some(kind));
            assert_eq!(u32::from(kind.dirent_type()), kind.mode_bits() >> 12);
        }
        assert_eq!(FileType::from_mode(0o644), None);
    }

    #[test]
    fn device_numbers_round_trip() {
        for major in [0, 1, 5, 0xfff, 0x1000, 0xabcd_ef01, u32::MAX] {
            for minor in [0, 3, 0xff, 0x100, 0x1234_5678, u32::MAX] {
                let id = DeviceId { major, minor };
                assert_eq!(DeviceId::decode(id.encode()), id);
            }
        }
        assert_eq!(DeviceId::new(1, 3).encode(), 0x103);
    }

    #[test]
    fn open_flags_split_into_access_status_and_descriptor() {
        let flags =
            OpenFlags::O_RDWR | OpenFlags::O_CREAT | OpenFlags::O_APPEND | OpenFlags::O_CLOEXEC;
        assert_eq!(flags.access_mode(), AccessMode::ReadWrite);
        assert_eq!(flags.status(), OpenFlags::O_RDWR | OpenFlags::O_APPEND);
        assert_eq!(flags.descriptor(), FdFlags::FD_CLOEXEC);
        assert_eq!(
            (OpenFlags::O_PATH | OpenFlags::O_RDWR).access_mode(),
            AccessMode::Path
        );
        assert_eq!(OpenFlags::O_RDONLY.access_mode(), AccessMode::Read);
    }

    #[test]
    fn times_carry_and_saturate() {
        let almost = Timespec {
            sec: 1,
            nsec: 999_999_999,
        };
        assert_eq!(
            almost.saturating_add(Duration::from_nanos(2)),
            Timespec { sec: 2, nsec: 1 }
        );
        assert_eq!(Timespec::from(Duration::MAX).sec, i64::MAX);
        assert_eq!(Timespec { sec: -1, nsec: 0 }.to_duration(), None);
        assert_eq!(
            Timespec {
                sec: 0,
                nsec: 1_000_000_000
            }
            .to_duration(),
            None
        );
        assert_eq!(Timespec::new(0, 1_000_000_000), None);
        assert!(Timespec { sec: -1, nsec: 5 } < Timespec::ZERO);
    }
}
