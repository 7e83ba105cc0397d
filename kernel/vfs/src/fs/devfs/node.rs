//! Devices and links in devfs: [`Node`]; owner and mode, which can be changed: [`Attributes`].

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, Mode, OpenFlags, Stat, Timespec};
use cenote_base::SysResult;
use cenote_base::clock::Clock;
use parking_lot::Mutex;

use super::DeviceNode;
use crate::file::{File, IoctlCaller};
use crate::inode::{AttributeChanges, Inode, SetTime};

/// What a node is.
pub(super) enum NodeKind {
    Device(Arc<dyn DeviceNode>),
    Link(Box<[u8]>),
}

/// A file of devfs that is no directory.
pub(super) struct Node {
    pub(super) attributes: Attributes,
    pub(super) kind: NodeKind,
}

/// The attributes of a file of devfs.
pub(super) struct Attributes {
    clock: Arc<dyn Clock>,
    stat: Mutex<Stat>,
}

impl Attributes {
    pub(super) fn new(clock: &Arc<dyn Clock>, stat: Stat) -> Self {
        let now = clock.realtime();
        let stat = Stat {
            atime: now,
            mtime: now,
            ctime: now,
            btime: now,
            nlink: 1,
            blksize: 4096,
            ..stat
        };
        Self {
            clock: Arc::clone(clock),
            stat: Mutex::new(stat),
        }
    }

    pub(super) fn stat(&self) -> Stat {
        *self.stat.lock()
    }

    pub(super) fn ino(&self) -> u64 {
        self.stat.lock().ino
    }

    pub(super) fn apply(&self, changes: &AttributeChanges) {
        let now = self.clock.realtime();
        let time = |set: SetTime, now: Timespec| match set {
            SetTime::Now => now,
            SetTime::To(time) => time,
        };
        let mut stat = self.stat.lock();
        if let Some(mode) = changes.mode {
            stat.mode = stat.mode & !Mode::all().raw() | mode.raw();
        }
        stat.uid = changes.uid.map_or(stat.uid, |uid| uid.raw());
        stat.gid = changes.gid.map_or(stat.gid, |gid| gid.raw());
        stat.atime = changes.atime.map_or(stat.atime, |set| time(set, now));
        stat.mtime = changes.mtime.map_or(stat.mtime, |set| time(set, now));
        stat.ctime = now;
    }
}

impl Inode for Node {
    fn stat(&self) -> SysResult<Stat> {
        Ok(self.attributes.stat())
    }

    fn file_type(&self) -> FileType {
        match &self.kind {
            NodeKind::Device(device) => device.file_type(),
            NodeKind::Link(_) => FileType::Symlink,
        }
    }

    fn read_link(&self) -> SysResult<Vec<u8>> {
        match &self.kind {
            NodeKind::Link(target) => Ok(target.to_vec()),
            NodeKind::Device(_) => Err(Errno::EINVAL.into()),
        }
    }

    fn set_attributes(&self, changes: &AttributeChanges) -> SysResult {
        if changes.size.is_some() {
            return Err(Errno::EINVAL.into());
        }
        self.attributes.apply(changes);
        Ok(())
    }

    fn open_as(
        self: Arc<Self>,
        flags: OpenFlags,
        caller: Option<&dyn IoctlCaller>,
    ) -> SysResult<Option<Arc<dyn File>>> {
        match &self.kind {
            NodeKind::Device(device) => device.open(flags, caller).map(Some),
            NodeKind::Link(_) => Ok(None),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            NodeKind::Device(device) => write!(f, "Node({device:?})"),
            NodeKind::Link(target) => {
                write!(f, "Node(link to {:?})", String::from_utf8_lossy(target))
            }
        }
    }
}
