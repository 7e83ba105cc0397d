//! Inode numbers and attributes for files without an inode: pipes, sockets, eventfds.

use std::sync::atomic::{AtomicU64, Ordering};

use cenote_abi::fs::{FileType, Stat, Timespec};

/// A number for a file without an inode, as `pipe:[n]` shows it.
pub(crate) fn next_ino() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The device of all of them: `0:13`, as pipefs has it on most machines.
const ANONYMOUS_DEVICE: u64 = 13;

/// The attributes of a pipe or socket.
pub(crate) fn stat(kind: FileType, ino: u64, permissions: u32) -> Stat {
    Stat {
        dev: ANONYMOUS_DEVICE,
        ino,
        nlink: 1,
        mode: kind.mode_bits() | permissions,
        blksize: 4096,
        atime: Timespec::ZERO,
        ..Stat::default()
    }
}

/// The attributes of an eventfd and its like, which have no kind.
pub(crate) fn event_stat() -> Stat {
    Stat {
        dev: ANONYMOUS_DEVICE,
        ino: 1,
        nlink: 1,
        mode: 0o600,
        blksize: 4096,
        ..Stat::default()
    }
}
