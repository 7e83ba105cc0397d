//! The attributes every file has: [`Attributes`].

use cenote_abi::fs::{FileType, Mode, Stat, Timespec};
use cenote_base::{Gid, Uid};

use crate::inode::{AttributeChanges, NewOwner, SetTime};

/// Owner, permissions, names and times of one file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes {
    pub(super) mode: Mode,
    uid: Uid,
    gid: Gid,
    pub(super) nlink: u64,
    pub(super) rdev: u64,
    atime: Timespec,
    mtime: Timespec,
    ctime: Timespec,
    btime: Timespec,
}

impl Attributes {
    /// Those of a file made now.
    pub(super) fn new(owner: &NewOwner, nlink: u64, rdev: u64, now: Timespec) -> Self {
        let NewOwner { mode, uid, gid } = *owner;
        Self {
            mode,
            uid,
            gid,
            nlink,
            rdev,
            atime: now,
            mtime: now,
            ctime: now,
            btime: now,
        }
    }

    /// Those of a file of a layer.
    pub(super) fn copied(stat: &Stat) -> Self {
        Self {
            mode: stat.permissions(),
            uid: Uid::new(stat.uid),
            gid: Gid::new(stat.gid),
            nlink: stat.nlink.max(1),
            rdev: stat.rdev,
            atime: stat.atime,
            mtime: stat.mtime,
            ctime: stat.ctime,
            btime: stat.btime,
        }
    }

    pub(super) fn stat(&self, kind: FileType) -> Stat {
        Stat {
            mode: kind.mode_bits() | self.mode.raw(),
            uid: self.uid.raw(),
            gid: self.gid.raw(),
            nlink: self.nlink,
            rdev: self.rdev,
            blksize: 4096,
            atime: self.atime,
            mtime: self.mtime,
            ctime: self.ctime,
            btime: self.btime,
            ..Stat::default()
        }
    }

    /// Applies all changes but that of the size.
    pub(super) fn apply(&mut self, changes: &AttributeChanges, now: Timespec) {
        let time = |set: SetTime| match set {
            SetTime::Now => now,
            SetTime::To(time) => time,
        };
        self.mode = changes.mode.unwrap_or(self.mode);
        self.uid = changes.uid.unwrap_or(self.uid);
        self.gid = changes.gid.unwrap_or(self.gid);
        self.atime = changes.atime.map_or(self.atime, time);
        self.mtime = changes.mtime.map_or(self.mtime, time);
        self.ctime = now;
    }

    /// Content or entries changed.
    pub(super) fn modified(&mut self, now: Timespec) {
        self.mtime = now;
        self.ctime = now;
    }

    /// Names or attributes changed.
    pub(super) fn changed(&mut self, now: Timespec) {
        self.ctime = now;
    }

    /// Whether a reading must be noted: only the first since the last change (`relatime`).
    pub(super) fn wants_atime(&self) -> bool {
        self.atime <= self.mtime || self.atime <= self.ctime
    }

    pub(super) fn accessed(&mut self, now: Timespec) {
        self.atime = now;
    }
}
