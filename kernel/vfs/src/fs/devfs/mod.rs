//! Devices: [`DevFs`], a directory of nodes that other parts of the kernel add.
//!
//! `null`, `zero`, `full`, `random` and `urandom` are here; terminals, `fd`, `shm` and the like are added by the kernel's
//! core. A guest can change owner and mode of a node, but not make or remove any.
//!
//! Lock order: `Directory::entries` and `Attributes` are leaves.

mod directory;
mod memory;
mod node;

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{DeviceId, FileType, Mode, OpenFlags, StatFs, TMPFS_MAGIC};
use cenote_base::SysResult;
use cenote_base::clock::Clock;

use self::directory::Directory;
use self::memory::{Memory, MemoryDevice};
use self::node::NodeKind;
use crate::file::{File, IoctlCaller};
use crate::filesystem::{FileSystem, next_device};
use crate::inode::Inode;

/// Fills a buffer with random bytes.
pub type Entropy = Arc<dyn Fn(&mut [u8]) -> SysResult + Send + Sync>;

/// What a device file opens.
pub trait DeviceNode: Send + Sync + Debug + 'static {
    /// Character or block device.
    fn file_type(&self) -> FileType {
        FileType::CharDevice
    }

    /// Its number.
    fn device(&self) -> DeviceId;

    /// The mode it starts with.
    fn mode(&self) -> Mode {
        Mode::from_raw(0o666)
    }

    /// Opens it for a caller, where that makes a difference (`/dev/tty`).
    ///
    /// # Errors
    /// `ENXIO`: there is no such device. Those of the device.
    fn open(&self, flags: OpenFlags, caller: Option<&dyn IoctlCaller>) -> SysResult<Arc<dyn File>>;
}

/// The filesystem at `/dev`.
pub struct DevFs {
    root: Arc<Directory>,
}

impl DevFs {
    /// A filesystem with the memory devices in it.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, entropy: Entropy) -> Arc<Self> {
        let root = Directory::new(next_device(), clock, Mode::from_raw(0o755));
        let devfs = Arc::new(Self { root });
        for (name, minor, memory) in [
            ("null", 3, Memory::Null),
            ("zero", 5, Memory::Zero),
            ("full", 7, Memory::Full),
            ("random", 8, Memory::Random(Arc::clone(&entropy))),
            ("urandom", 9, Memory::Random(entropy)),
        ] {
            let device = MemoryDevice {
                device: DeviceId::new(1, minor),
                memory,
            };
            // The directory is empty: no name is taken.
            drop(devfs.add(name, Arc::new(device)));
        }
        devfs
    }

    /// Adds a device.
    ///
    /// # Errors
    /// `EEXIST`: the name is taken.
    pub fn add(&self, name: &str, device: Arc<dyn DeviceNode>) -> SysResult<Arc<dyn Inode>> {
        let mode = device.mode();
        self.root
            .add(name.as_bytes(), mode, NodeKind::Device(device))
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// `EEXIST`: the name is taken.
    pub fn add_link(&self, name: &str, target: &str) -> SysResult<Arc<dyn Inode>> {
        self.root.add(
            name.as_bytes(),
            Mode::from_raw(0o777),
            NodeKind::Link(target.as_bytes().into()),
        )
    }

    /// Adds an empty directory, to mount something on.
    ///
    /// # Errors
    /// `EEXIST`: the name is taken.
    pub fn add_directory(&self, name: &str, mode: Mode) -> SysResult<Arc<dyn Inode>> {
        let made = self.root.subdirectory(mode);
        self.add_inode(name, Arc::<Directory>::clone(&made))?;
        Ok(made)
    }

    /// Adds any file, such as a directory of the caller's own kind.
    ///
    /// # Errors
    /// `EEXIST`: the name is taken.
    pub fn add_inode(&self, name: &str, inode: Arc<dyn Inode>) -> SysResult {
        self.root.add_inode(name.as_bytes(), inode)
    }

    /// Takes a name away. Open files stay as they are.
    ///
    /// # Errors
    /// `ENOENT`: no such name.
    pub fn remove(&self, name: &str) -> SysResult {
        self.root
            .remove(name.as_bytes())
            .ok_or_else(|| Errno::ENOENT.into())
            .map(drop)
    }
}

impl FileSystem for DevFs {
    fn type_name(&self) -> &'static str {
        "devtmpfs"
    }

    fn root(&self) -> Arc<dyn Inode> {
        Arc::<Directory>::clone(&self.root)
    }

    fn statfs(&self) -> SysResult<StatFs> {
        Ok(StatFs {
            magic: TMPFS_MAGIC,
            block_size: 4096,
            ..StatFs::default()
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Debug for DevFs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DevFs")
    }
}

#[cfg(test)]
mod tests;
