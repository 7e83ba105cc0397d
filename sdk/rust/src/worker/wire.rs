//! Files in the contract's words, and back: kinds, times, attributes. Both ends of the contract use these.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cenote_proto::v1::{FileKind as WireKind, FileStat, SetAttributesRequest};

use crate::host_files::{FileChanges, HostStat};
use crate::{Attributes, FileKind, NewAttributes};

impl From<FileKind> for WireKind {
    fn from(kind: FileKind) -> Self {
        match kind {
            FileKind::File => Self::File,
            FileKind::Directory => Self::Directory,
            FileKind::Symlink => Self::Symlink,
            FileKind::Other => Self::Other,
        }
    }
}

/// A file of which the other side does not say what it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoFileKind;

impl TryFrom<WireKind> for FileKind {
    type Error = NoFileKind;

    fn try_from(kind: WireKind) -> Result<Self, NoFileKind> {
        match kind {
            WireKind::File => Ok(Self::File),
            WireKind::Directory => Ok(Self::Directory),
            WireKind::Symlink => Ok(Self::Symlink),
            WireKind::Other => Ok(Self::Other),
            WireKind::Unspecified => Err(NoFileKind),
        }
    }
}

fn nanoseconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
    }
}

/// A time of the contract; 1970 for one that this host cannot tell.
pub(super) fn time(nanoseconds: i64) -> SystemTime {
    let since = Duration::from_nanos(nanoseconds.unsigned_abs());
    let time = if nanoseconds < 0 {
        UNIX_EPOCH.checked_sub(since)
    } else {
        UNIX_EPOCH.checked_add(since)
    };
    time.unwrap_or(UNIX_EPOCH)
}

impl From<&HostStat> for FileStat {
    fn from(told: &HostStat) -> Self {
        Self {
            kind: WireKind::from(told.kind).into(),
            size: told.size,
            mode: told.mode,
            uid: told.uid,
            gid: told.gid,
            inode: told.inode,
            links: told.links,
            accessed_ns: nanoseconds(told.accessed),
            modified_ns: nanoseconds(told.modified),
            changed_ns: nanoseconds(told.changed),
        }
    }
}

impl TryFrom<&FileStat> for HostStat {
    type Error = NoFileKind;

    fn try_from(told: &FileStat) -> Result<Self, NoFileKind> {
        Ok(Self {
            kind: told.kind().try_into()?,
            size: told.size,
            mode: told.mode & 0o7777,
            uid: told.uid,
            gid: told.gid,
            inode: told.inode,
            links: told.links,
            accessed: time(told.accessed_ns),
            modified: time(told.modified_ns),
            changed: time(told.changed_ns),
        })
    }
}

impl From<&Attributes> for FileStat {
    fn from(attributes: &Attributes) -> Self {
        Self {
            kind: WireKind::from(attributes.kind).into(),
            size: attributes.size,
            mode: attributes.mode,
            uid: attributes.uid,
            gid: attributes.gid,
            inode: attributes.inode,
            links: attributes.links,
            accessed_ns: attributes.accessed_ns,
            modified_ns: attributes.modified_ns,
            changed_ns: attributes.changed_ns,
        }
    }
}

impl From<&FileStat> for Attributes {
    fn from(stat: &FileStat) -> Self {
        Self {
            kind: stat.kind().try_into().unwrap_or(FileKind::Other),
            size: stat.size,
            mode: stat.mode,
            uid: stat.uid,
            gid: stat.gid,
            inode: stat.inode,
            links: stat.links,
            accessed_ns: stat.accessed_ns,
            modified_ns: stat.modified_ns,
            changed_ns: stat.changed_ns,
        }
    }
}

/// Of a path that is to be filled in; links are not followed.
impl From<&FileChanges> for SetAttributesRequest {
    fn from(changes: &FileChanges) -> Self {
        Self {
            no_follow: true,
            mode: changes.mode,
            uid: changes.uid,
            gid: changes.gid,
            accessed_ns: changes.accessed.map(nanoseconds),
            modified_ns: changes.modified.map(nanoseconds),
            ..Self::default()
        }
    }
}

impl From<&SetAttributesRequest> for FileChanges {
    fn from(asked: &SetAttributesRequest) -> Self {
        Self {
            mode: asked.mode.map(|mode| mode & 0o7777),
            uid: asked.uid,
            gid: asked.gid,
            accessed: asked.accessed_ns.map(time),
            modified: asked.modified_ns.map(time),
        }
    }
}

/// Of a path that is to be filled in; links are followed.
impl From<&NewAttributes> for SetAttributesRequest {
    fn from(new: &NewAttributes) -> Self {
        Self {
            mode: new.mode,
            uid: new.uid,
            gid: new.gid,
            accessed_ns: new.accessed_ns,
            modified_ns: new.modified_ns,
            size: new.size,
            ..Self::default()
        }
    }
}

impl From<&SetAttributesRequest> for NewAttributes {
    fn from(asked: &SetAttributesRequest) -> Self {
        Self {
            mode: asked.mode,
            uid: asked.uid,
            gid: asked.gid,
            accessed_ns: asked.accessed_ns,
            modified_ns: asked.modified_ns,
            size: asked.size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_and_after_1970_come_back() {
        for ns in [0, 1, -1, 1_700_000_000_123_456_789, -86_400_000_000_000] {
            assert_eq!(nanoseconds(time(ns)), ns);
        }
        assert_eq!(FileKind::try_from(WireKind::Unspecified), Err(NoFileKind));
    }
}
