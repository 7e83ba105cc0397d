//! `/dev/pts`: the slaves of the machine's pseudo-terminals. See pts(4).

use std::any::Any;
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::fs::{DEVPTS_SUPER_MAGIC, FileType, OpenFlags, Stat, StatFs};
use cenote_base::SysResult;
use cenote_vfs::{DirEntry, File, FileSystem, Inode};
use parking_lot::Mutex;

use super::pty::{PtyTable, Terminal};

/// The filesystem at `/dev/pts`.
#[derive(Debug)]
pub(crate) struct DevPts {
    root: Arc<Directory>,
}

impl DevPts {
    pub(crate) fn new(table: &Arc<PtyTable>) -> Arc<Self> {
        let root = Directory {
            device: table.device,
            table: Arc::downgrade(table),
            nodes: Mutex::default(),
        };
        Arc::new(Self {
            root: Arc::new(root),
        })
    }
}

impl FileSystem for DevPts {
    fn type_name(&self) -> &'static str {
        "devpts"
    }

    fn root(&self) -> Arc<dyn Inode> {
        Arc::<Directory>::clone(&self.root)
    }

    fn statfs(&self) -> SysResult<StatFs> {
        Ok(StatFs {
            magic: DEVPTS_SUPER_MAGIC,
            block_size: 4096,
            ..StatFs::default()
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[derive(Debug)]
struct Directory {
    device: u64,
    table: Weak<PtyTable>,
    /// Nodes somebody holds: the same terminal has the same inode.
    nodes: Mutex<Vec<Weak<Slave>>>,
}

impl Directory {
    fn node(&self, terminal: Arc<Terminal>) -> Arc<Slave> {
        let mut nodes = self.nodes.lock();
        nodes.retain(|node| node.strong_count() > 0);
        let held = nodes
            .iter()
            .filter_map(Weak::upgrade)
            .find(|node| Arc::ptr_eq(&node.terminal, &terminal));
        held.unwrap_or_else(|| {
            let made = Arc::new(Slave { terminal });
            nodes.push(Arc::downgrade(&made));
            made
        })
    }
}

impl Inode for Directory {
    fn stat(&self) -> SysResult<Stat> {
        let mode = FileType::Directory.mode_bits() | 0o755;
        Ok(Stat {
            dev: self.device,
            ino: 1,
            nlink: 2,
            mode,
            blksize: 4096,
            ..Stat::default()
        })
    }

    fn file_type(&self) -> FileType {
        FileType::Directory
    }

    fn lookup(&self, name: &[u8]) -> SysResult<Arc<dyn Inode>> {
        let number = std::str::from_utf8(name)
            .ok()
            .and_then(|name| name.parse().ok())
            .ok_or(Errno::ENOENT)?;
        let terminal = self
            .table
            .upgrade()
            .and_then(|table| table.get(number))
            .ok_or(Errno::ENOENT)?;
        Ok(self.node(terminal))
    }

    fn read_dir(&self, cursor: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> SysResult {
        let numbers = self
            .table
            .upgrade()
            .map(|table| table.numbers())
            .unwrap_or_default();
        for number in numbers
            .into_iter()
            .filter(|number| u64::from(*number) >= cursor)
        {
            let next_cursor = u64::from(number) + 1;
            let name = number.to_string();
            let file_type = FileType::CharDevice;
            if !emit(DirEntry {
                name: name.as_bytes(),
                ino: u64::from(number) + 3,
                file_type,
                next_cursor,
            }) {
                break;
            }
        }
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[derive(Debug)]
struct Slave {
    terminal: Arc<Terminal>,
}

impl Inode for Slave {
    fn stat(&self) -> SysResult<Stat> {
        Ok(self.terminal.stat())
    }

    fn file_type(&self) -> FileType {
        FileType::CharDevice
    }

    fn set_attributes(&self, _changes: &cenote_vfs::AttributeChanges) -> SysResult {
        // grantpt(3) sets what already is so.
        Ok(())
    }

    fn open(self: Arc<Self>, _flags: OpenFlags) -> SysResult<Option<Arc<dyn File>>> {
        Ok(Some(self.terminal.open_slave()?))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
