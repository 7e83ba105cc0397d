//! Structures as they lie in a guest's memory: x86-64 Linux's, with 32-bit pointers.
//!
//! Fixed structures decode through [`Layout`](crate::memory::Layout) and encode into byte arrays made by [`Bytes`], a
//! little writer that puts fields at their offsets. Lists of variable size (`dirent64`, control messages) are in the
//! files of their calls. Offsets are those of the published WebAssembly Linux Interface and of `tests/abi.c` in the
//! port kit, which compares 301 of them.

use std::time::Duration;

use cenote_abi::Errno;
use cenote_abi::clock::TimerSpec;
use cenote_abi::fs::{Flock, LockType, Stat, StatFs, StatxMask, Timespec, Whence};
use cenote_abi::limits::RLimit;
use cenote_abi::signal::{SI_QUEUE, SI_TIMER, SigInfo};
use cenote_abi::tty::{ControlFlags, InputFlags, LocalFlags, NCCS, OutputFlags, Termios, WinSize};
use cenote_abi::user::{Rusage, Sysinfo};
use cenote_abi::{SigNum, SigSet};
use cenote_base::SysResult;
use cenote_kernel::signal::{SigAction, SigHandler};

use crate::memory::Layout;

/// A structure of `N` bytes being filled; what is not put stays zero.
#[derive(Debug)]
pub(super) struct Bytes<const N: usize>([u8; N]);

impl<const N: usize> Bytes<N> {
    /// All zero.
    pub(super) const fn new() -> Self {
        Self([0; N])
    }

    /// Puts bytes at an offset of the layout.
    pub(super) fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Puts 16 bits.
    pub(super) fn u16(self, at: usize, value: u16) -> Self {
        self.put(at, &value.to_le_bytes())
    }

    /// Puts 32 bits.
    pub(super) fn u32(self, at: usize, value: u32) -> Self {
        self.put(at, &value.to_le_bytes())
    }

    /// Puts a signed 32-bit number.
    pub(super) fn i32(self, at: usize, value: i32) -> Self {
        self.put(at, &value.to_le_bytes())
    }

    /// Puts 64 bits.
    pub(super) fn u64(self, at: usize, value: u64) -> Self {
        self.put(at, &value.to_le_bytes())
    }

    /// Puts a signed 64-bit number.
    pub(super) fn i64(self, at: usize, value: i64) -> Self {
        self.put(at, &value.to_le_bytes())
    }

    /// Puts a `timespec`.
    pub(super) fn time(self, at: usize, time: Timespec) -> Self {
        self.i64(at, time.sec).u64(at + 8, u64::from(time.nsec))
    }

    /// The bytes.
    pub(super) const fn done(self) -> [u8; N] {
        self.0
    }
}

/// Four bytes of a structure.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).map_or(0, crate::memory::number)
}

/// Four bytes of a structure, signed.
pub(super) fn i32_at(bytes: &[u8], at: usize) -> i32 {
    u32_at(bytes, at).cast_signed()
}

/// Eight bytes of a structure.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// Eight bytes of a structure, signed.
pub(super) fn i64_at(bytes: &[u8], at: usize) -> i64 {
    u64_at(bytes, at).cast_signed()
}

/// Two bytes of a structure.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .map_or(0, u16::from_le_bytes)
}

/// `struct stat`.
pub(super) fn stat(stat: &Stat) -> [u8; 144] {
    Bytes::new()
        .u64(0, stat.dev)
        .u64(8, stat.ino)
        .u64(16, stat.nlink)
        .u32(24, stat.mode)
        .u32(28, stat.uid)
        .u32(32, stat.gid)
        .u64(40, stat.rdev)
        .u64(48, stat.size)
        .u64(56, u64::from(stat.blksize))
        .u64(64, stat.blocks)
        .time(72, stat.atime)
        .time(88, stat.mtime)
        .time(104, stat.ctime)
        .done()
}

/// `struct statx`, with what a `Stat` has.
pub(super) fn statx(stat: &Stat) -> [u8; 256] {
    let time = |bytes: Bytes<256>, at: usize, time: Timespec| {
        bytes.i64(at, time.sec).u32(at + 8, time.nsec)
    };
    let device = cenote_abi::fs::DeviceId::decode(stat.dev);
    let node = cenote_abi::fs::DeviceId::decode(stat.rdev);
    let mask = StatxMask::STATX_BASIC_STATS | StatxMask::STATX_BTIME;
    let bytes = Bytes::new()
        .u32(0, mask.bits())
        .u32(4, stat.blksize)
        .u32(16, u32::try_from(stat.nlink).unwrap_or(u32::MAX))
        .u32(20, stat.uid)
        .u32(24, stat.gid)
        .put(28, &low16(stat.mode))
        .u64(32, stat.ino)
        .u64(40, stat.size)
        .u64(48, stat.blocks);
    let bytes = time(bytes, 64, stat.atime);
    let bytes = time(bytes, 80, stat.btime);
    let bytes = time(bytes, 96, stat.ctime);
    time(bytes, 112, stat.mtime)
        .u32(128, node.major)
        .u32(132, node.minor)
        .u32(136, device.major)
        .u32(140, device.minor)
        .done()
}

fn low16(value: u32) -> [u8; 2] {
    let [a, b, ..] = value.to_le_bytes();
    [a, b]
}

/// `struct statfs`.
pub(super) fn statfs(fs: &StatFs) -> [u8; 120] {
    Bytes::new()
        .u64(0, fs.magic)
        .u64(8, fs.block_size)
        .u64(16, fs.blocks)
        .u64(24, fs.free_blocks)
        .u64(32, fs.available_blocks)
        .u64(40, fs.files)
        .u64(48, fs.free_files)
        .u64(56, fs.id)
        .u64(64, fs.name_length)
        .u64(72, fs.block_size)
        .u64(80, fs.flags)
        .done()
}

/// `struct timespec`.
pub(super) fn timespec(time: Timespec) -> [u8; 16] {
    Bytes::new().time(0, time).done()
}

/// `struct timeval`.
pub(super) fn timeval(time: Timespec) -> [u8; 16] {
    Bytes::new()
        .i64(0, time.sec)
        .u64(8, u64::from(time.nsec / 1_000))
        .done()
}

/// A `timeval` of a length of time.
pub(super) fn timeval_of(span: Duration) -> [u8; 16] {
    timeval(Timespec::from_duration(span))
}

/// Reads a `timespec` at an offset; its parts are not checked yet: `tv_nsec` may say `UTIME_NOW`.
pub(super) fn raw_time_at(bytes: &[u8], at: usize) -> (i64, i64) {
    (i64_at(bytes, at), i64_at(bytes, at + 8))
}

/// Makes a time of a `timespec`'s parts.
///
/// # Errors
/// `EINVAL`: the nanoseconds are not below a second.
pub(super) fn time_of((sec, nsec): (i64, i64)) -> SysResult<Timespec> {
    let nsec = u32::try_from(nsec).map_err(|_| Errno::EINVAL)?;
    Ok(Timespec::new(sec, nsec).ok_or(Errno::EINVAL)?)
}

/// Makes a time of a `timeval`'s parts.
///
/// # Errors
/// `EINVAL`: the microseconds are not below a second.
pub(super) fn time_of_micros((sec, usec): (i64, i64)) -> SysResult<Timespec> {
    time_of((sec, usec.checked_mul(1_000).ok_or(Errno::EINVAL)?))
}

/// Makes a length of time, as timeouts are.
///
/// # Errors
/// `EINVAL`: negative, or the nanoseconds are not below a second.
pub(super) fn span_of(parts: (i64, i64)) -> SysResult<Duration> {
    Ok(time_of(parts)?.to_duration().ok_or(Errno::EINVAL)?)
}

impl Layout<16> for Timespec {
    fn decode(bytes: &[u8; 16]) -> SysResult<Self> {
        time_of(raw_time_at(bytes, 0))
    }
}

/// A timeout: a `timespec` that is a length of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span(pub(super) Duration);

impl Layout<16> for Span {
    fn decode(bytes: &[u8; 16]) -> SysResult<Self> {
        span_of(raw_time_at(bytes, 0)).map(Self)
    }
}

impl Layout<32> for TimerSpec {
    fn decode(bytes: &[u8; 32]) -> SysResult<Self> {
        Ok(Self {
            interval: time_of(raw_time_at(bytes, 0))?,
            value: time_of(raw_time_at(bytes, 16))?,
        })
    }
}

/// `struct itimerspec`.
pub(super) fn itimerspec(spec: &TimerSpec) -> [u8; 32] {
    Bytes::new()
        .time(0, spec.interval)
        .time(16, spec.value)
        .done()
}

/// `struct itimerval`.
pub(super) fn itimerval(spec: &TimerSpec) -> [u8; 32] {
    Bytes::new()
        .put(0, &timeval(spec.interval))
        .put(16, &timeval(spec.value))
        .done()
}

/// Reads an `itimerval`.
pub(super) fn itimerval_from(bytes: &[u8; 32]) -> SysResult<TimerSpec> {
    Ok(TimerSpec {
        interval: time_of_micros(raw_time_at(bytes, 0))?,
        value: time_of_micros(raw_time_at(bytes, 16))?,
    })
}

impl Layout<8> for SigSet {
    fn decode(bytes: &[u8; 8]) -> SysResult<Self> {
        Ok(Self::from_bits(u64::from_le_bytes(*bytes)))
    }
}

/// The kernel's `sigaction` as the port's contract has it: 32 bytes, the mask 8 of them.
impl Layout<32> for SigAction {
    fn decode(bytes: &[u8; 32]) -> SysResult<Self> {
        let handler = match u32_at(bytes, 0) {
            0 => SigHandler::Default,
            1 => SigHandler::Ignore,
            index => SigHandler::Function(u64::from(index)),
        };
        let flags = cenote_abi::signal::SaFlags::from_bits_retain(u64_at(bytes, 8));
        Ok(Self {
            handler,
            flags,
            mask: SigSet::from_bits(u64_at(bytes, 20)),
        })
    }
}

/// Encodes a `sigaction`.
pub(super) fn sigaction(action: &SigAction) -> [u8; 32] {
    let handler = match action.handler {
        SigHandler::Default => 0,
        SigHandler::Ignore => 1,
        // A table index, which came from 32 bits.
        SigHandler::Function(index) => u32::try_from(index).unwrap_or(0),
    };
    Bytes::new()
        .u32(0, handler)
        .u64(8, action.flags.bits())
        .u64(20, action.mask.bits())
        .done()
}

/// `siginfo_t`: which fields there are follows from signal and code.
pub(super) fn siginfo(info: &SigInfo) -> [u8; 128] {
    let bytes = Bytes::new()
        .i32(0, info.signo.raw())
        .i32(4, info.errno)
        .i32(8, info.code);
    let pointer = |value: u64| u32::try_from(value & 0xffff_ffff).unwrap_or(0);
    let bytes = match info.signo {
        _ if info.code == SI_TIMER => bytes
            .i32(16, info.timer_id)
            .i32(20, info.overrun)
            .u32(24, pointer(info.value)),
        _ if info.code == SI_QUEUE => bytes
            .i32(16, info.pid)
            .u32(20, info.uid)
            .u32(24, pointer(info.value)),
        SigNum::SIGCHLD => bytes
            .i32(16, info.pid)
            .u32(20, info.uid)
            .i32(24, info.status)
            .i64(32, info.utime)
            .i64(40, info.stime),
        SigNum::SIGSEGV | SigNum::SIGBUS | SigNum::SIGILL | SigNum::SIGFPE if info.code > 0 => {
            bytes.u32(16, pointer(info.address))
        }
        SigNum::SIGIO if info.code > 0 => bytes.i64(16, info.band).i32(24, info.fd),
        _ => bytes
            .i32(16, info.pid)
            .u32(20, info.uid)
            .u32(24, pointer(info.value)),
    };
    bytes.done()
}

/// Reads what `rt_sigqueueinfo` is given.
impl Layout<128> for SigInfo {
    fn decode(bytes: &[u8; 128]) -> SysResult<Self> {
        let signo = SigNum::from_raw(i32_at(bytes, 0)).ok_or(Errno::EINVAL)?;
        let mut info = Self::new(signo, i32_at(bytes, 8));
        info.errno = i32_at(bytes, 4);
        info.pid = i32_at(bytes, 16);
        info.uid = u32_at(bytes, 20);
        info.value = u64::from(u32_at(bytes, 24));
        Ok(info)
    }
}

/// `struct rlimit`.
pub(super) fn rlimit(limit: &RLimit) -> [u8; 16] {
    Bytes::new().u64(0, limit.soft).u64(8, limit.hard).done()
}

impl Layout<16> for RLimit {
    fn decode(bytes: &[u8; 16]) -> SysResult<Self> {
        Ok(Self {
            soft: u64_at(bytes, 0),
            hard: u64_at(bytes, 8),
        })
    }
}

/// `struct rusage`.
pub(super) fn rusage(usage: &Rusage) -> [u8; 144] {
    Bytes::new()
        .put(0, &timeval_of(usage.user_time))
        .put(16, &timeval_of(usage.system_time))
        .u64(32, usage.max_rss_kib)
        .u64(64, usage.minor_faults)
        .u64(72, usage.major_faults)
        .u64(88, usage.blocks_in)
        .u64(96, usage.blocks_out)
        .u64(128, usage.voluntary_switches)
        .u64(136, usage.involuntary_switches)
        .done()
}

/// `struct sysinfo`.
pub(super) fn sysinfo(info: &Sysinfo) -> [u8; 112] {
    Bytes::new()
        .u64(0, info.uptime.as_secs())
        .u64(8, info.loads[0])
        .u64(16, info.loads[1])
        .u64(24, info.loads[2])
        .u64(32, info.total_ram)
        .u64(40, info.free_ram)
        .u64(48, info.shared_ram)
        .u64(56, info.buffer_ram)
        .u64(64, info.total_swap)
        .u64(72, info.free_swap)
        .u16(80, info.processes)
        .u32(104, 1)
        .done()
}

/// The kernel's `termios`, 36 bytes.
pub(super) fn termios(termios: &Termios) -> [u8; 36] {
    Bytes::new()
        .u32(0, termios.input.bits())
        .u32(4, termios.output.bits())
        .u32(8, termios.control.bits())
        .u32(12, termios.local.bits())
        .put(16, &[termios.line])
        .put(17, &termios.cc)
        .done()
}

impl Layout<36> for Termios {
    fn decode(bytes: &[u8; 36]) -> SysResult<Self> {
        let mut cc = [0; NCCS];
        cc.copy_from_slice(&bytes[17..17 + NCCS]);
        Ok(Self {
            input: InputFlags::from_bits_retain(u32_at(bytes, 0)),
            output: OutputFlags::from_bits_retain(u32_at(bytes, 4)),
            control: ControlFlags::from_bits_retain(u32_at(bytes, 8)),
            local: LocalFlags::from_bits_retain(u32_at(bytes, 12)),
            line: bytes[16],
            cc,
        })
    }
}

/// `struct winsize`.
pub(super) fn winsize(size: &WinSize) -> [u8; 8] {
    Bytes::new()
        .u16(0, size.rows)
        .u16(2, size.cols)
        .u16(4, size.xpixel)
        .u16(6, size.ypixel)
        .done()
}

impl Layout<8> for WinSize {
    fn decode(bytes: &[u8; 8]) -> SysResult<Self> {
        Ok(Self {
            rows: u16_at(bytes, 0),
            cols: u16_at(bytes, 2),
            xpixel: u16_at(bytes, 4),
            ypixel: u16_at(bytes, 6),
        })
    }
}

/// `struct flock`.
pub(super) fn flock(lock: &Flock) -> [u8; 32] {
    Bytes::new()
        .put(0, &lock.kind.raw().to_le_bytes())
        .put(2, &lock.whence.raw().to_le_bytes()[..2])
        .i64(8, lock.start)
        .i64(16, lock.len)
        .i32(24, lock.pid)
        .done()
}

impl Layout<32> for Flock {
    fn decode(bytes: &[u8; 32]) -> SysResult<Self> {
        let kind = LockType::from_raw(u16_at(bytes, 0).cast_signed()).ok_or(Errno::EINVAL)?;
        let whence =
            Whence::from_raw(i32::from(u16_at(bytes, 2).cast_signed())).ok_or(Errno::EINVAL)?;
        Ok(Self {
            kind,
            whence,
            start: i64_at(bytes, 8),
            len: i64_at(bytes, 16),
            pid: i32_at(bytes, 24),
        })
    }
}
