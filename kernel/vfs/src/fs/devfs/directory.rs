//! A directory of devfs: [`Directory`]. Only the kernel changes its entries.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, Mode, Stat};
use cenote_base::SysResult;
use cenote_base::clock::Clock;
use parking_lot::RwLock;

use super::node::{Attributes, Node, NodeKind};
use crate::inode::{AttributeChanges, DirEntry, Inode};

/// A directory of devfs.
pub(super) struct Directory {
    device: u64,
    clock: Arc<dyn Clock>,
    next_ino: Arc<AtomicU64>,
    attributes: Attributes,
    entries: RwLock<Entries>,
}

/// A name and its file.
type Named = (Box<[u8]>, Arc<dyn Inode>);

#[derive(Default)]
struct Entries {
    last: u64,
    /// By the order they were added in, which is their cursor.
    by_order: BTreeMap<u64, Named>,
}

impl Entries {
    fn find(&self, name: &[u8]) -> Option<(u64, &Arc<dyn Inode>)> {
        self.by_order
            .iter()
            .find(|(_, (entry, _))| **entry == *name)
            .map(|(order, (_, inode))| (*order, inode))
    }
}

impl Directory {
    pub(super) fn new(device: u64, clock: Arc<dyn Clock>, mode: Mode) -> Arc<Self> {
        Self::make(device, clock, mode, Arc::new(AtomicU64::new(1)))
    }

    fn make(device: u64, clock: Arc<dyn Clock>, mode: Mode, next_ino: Arc<AtomicU64>) -> Arc<Self> {
        let ino = next_ino.fetch_add(1, Ordering::Relaxed);
        let mode = FileType::Directory.mode_bits() | mode.raw();
        let attributes = Attributes::new(
            &clock,
            Stat {
                dev: device,
                ino,
                mode,
                size: 4096,
                ..Stat::default()
            },
        );
        Arc::new(Self {
            device,
            clock,
            next_ino,
            attributes,
            entries: RwLock::default(),
        })
    }

    pub(super) fn subdirectory(&self, mode: Mode) -> Arc<Self> {
        Self::make(
            self.device,
            Arc::clone(&self.clock),
            mode,
            Arc::clone(&self.next_ino),
        )
    }

    pub(super) fn add(&self, name: &[u8], mode: Mode, kind: NodeKind) -> SysResult<Arc<dyn Inode>> {
        let ino = self.next_ino.fetch_add(1, Ordering::Relaxed);
        let (bits, rdev, size) = match &kind {
            NodeKind::Device(device) => {
                (device.file_type().mode_bits(), device.device().encode(), 0)
            }
            NodeKind::Link(target) => (FileType::Symlink.mode_bits(), 0, target.len() as u64),
        };
        let stat = Stat {
            dev: self.device,
            ino,
            mode: bits | mode.raw(),
            rdev,
            size,
            ..Stat::default()
        };
        let made: Arc<dyn Inode> = Arc::new(Node {
            attributes: Attributes::new(&self.clock, stat),
            kind,
        });
        self.add_inode(name, Arc::clone(&made))?;
        Ok(made)
    }

    pub(super) fn add_inode(&self, name: &[u8], inode: Arc<dyn Inode>) -> SysResult {
        let mut entries = self.entries.write();
        if entries.find(name).is_some() {
            return Err(Errno::EEXIST.into());
        }
        entries.last += 1;
        let order = entries.last;
        entries.by_order.insert(order, (name.into(), inode));
        Ok(())
    }

    pub(super) fn remove(&self, name: &[u8]) -> Option<Arc<dyn Inode>> {
        let mut entries = self.entries.write();
        let (order, _) = entries.find(name)?;
        entries.by_order.remove(&order).map(|(_, inode)| inode)
    }
}

impl Inode for Directory {
    fn stat(&self) -> SysResult<Stat> {
        let entries = self.entries.read();
        let is_directory = |(_, inode): &&Named| inode.file_type() == FileType::Directory;
        let nlink = 2 + entries.by_order.values().filter(is_directory).count() as u64;
        drop(entries);
        Ok(Stat {
            nlink,
            ..self.attributes.stat()
        })
    }

    fn file_type(&self) -> FileType {
        FileType::Directory
    }

    fn lookup(&self, name: &[u8]) -> SysResult<Arc<dyn Inode>> {
        let entries = self.entries.read();
        let (_, inode) = entries.find(name).ok_or(Errno::ENOENT)?;
        Ok(Arc::clone(inode))
    }

    fn read_dir(&self, cursor: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> SysResult {
        // A handful of entries: copied out, so that nothing is told under the lock.
        let told: Vec<(u64, Named)> = self
            .entries
            .read()
            .by_order
            .range(cursor.saturating_add(1)..)
            .map(|(order, (name, inode))| (*order, (name.clone(), Arc::clone(inode))))
            .collect();
        for (next_cursor, (name, inode)) in told {
            let ino = inode.stat()?.ino;
            if !emit(DirEntry {
                name: &name,
                ino,
                file_type: inode.file_type(),
                next_cursor,
            }) {
                break;
            }
        }
        Ok(())
    }

    fn set_attributes(&self, changes: &AttributeChanges) -> SysResult {
        if changes.size.is_some() {
            return Err(Errno::EISDIR.into());
        }
        self.attributes.apply(changes);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Directory({})", self.attributes.ino())
    }
}
