//! Mounts: a filesystem put over a directory. [`Mount`] is one, [`Namespace`] all of a machine, [`MountFlags`] how.
//!
//! Lock order: `Mount::children` and `Mount::parent` are leaves.

mod flags;
mod namespace;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use cenote_abi::Errno;
use cenote_abi::fs::{DeviceId, FileType, OpenFlags, StatFs};
use cenote_base::SysResult;
use parking_lot::{Mutex, RwLock};

pub use flags::MountFlags;
pub use namespace::Namespace;

use crate::dentry::{Dentry, Location};
use crate::file::{File, IoctlCaller};
use crate::filesystem::FileSystem;
use crate::inode::Inode;

/// Opens what the tree only names: named pipes and device numbers. Given by the kernel's core to its [`Namespace`].
pub trait SpecialFiles: Send + Sync + std::fmt::Debug {
    /// Opens a named pipe; its ring belongs into the inode's [`attachment`](Inode::attachment).
    ///
    /// # Errors
    /// `ENXIO`: writing without blocking, and nobody reads. `ENFILE`: too many pipes.
    fn open_fifo(&self, inode: &Arc<dyn Inode>, flags: OpenFlags) -> SysResult<Arc<dyn File>>;

    /// Opens a device that was made by `mknod` outside devfs.
    ///
    /// # Errors
    /// `ENXIO`: there is no such device.
    fn open_device(
        &self,
        kind: FileType,
        device: DeviceId,
        flags: OpenFlags,
        caller: Option<&dyn IoctlCaller>,
    ) -> SysResult<Arc<dyn File>> {
        let _ = (kind, device, flags, caller);
        Err(Errno::ENXIO.into())
    }
}

/// What all mounts of a namespace share.
#[derive(Debug, Default)]
struct Shared {
    special: OnceLock<Arc<dyn SpecialFiles>>,
    mounts: AtomicU32,
}

/// One filesystem (or a part of one) in the tree.
#[derive(Debug)]
pub struct Mount {
    id: u64,
    filesystem: Option<Arc<dyn FileSystem>>,
    root: Arc<Dentry>,
    source: Box<str>,
    flags: AtomicU64,
    shared: Arc<Shared>,
    /// What this mount covers; nothing for a namespace's first mount and after umount.
    parent: RwLock<Option<Location>>,
    /// The mounts on this one, by the address of the dentry they cover (which they keep alive).
    children: Mutex<HashMap<usize, Arc<Mount>>>,
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn address(dentry: &Arc<Dentry>) -> usize {
    Arc::as_ptr(dentry).addr()
}

impl Mount {
    fn new(
        filesystem: Arc<dyn FileSystem>,
        root: Arc<Dentry>,
        source: &str,
        flags: MountFlags,
        shared: Arc<Shared>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: next_id(),
            filesystem: Some(filesystem),
            root,
            source: source.into(),
            flags: AtomicU64::new(flags.bits()),
            shared,
            parent: RwLock::new(None),
            children: Mutex::default(),
        })
    }

    /// A mount that is nowhere, of one file.
    pub(crate) fn anonymous(inode: Arc<dyn Inode>, name: &[u8]) -> Arc<Self> {
        Arc::new(Self {
            id: next_id(),
            filesystem: None,
            root: Dentry::new_root(inode, name),
            source: "none".into(),
            flags: AtomicU64::new(0),
            shared: Arc::default(),
            parent: RwLock::new(None),
            children: Mutex::default(),
        })
    }

    /// A number no other mount has.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The filesystem; nothing for a file outside every tree.
    #[must_use]
    pub fn filesystem(&self) -> Option<&Arc<dyn FileSystem>> {
        self.filesystem.as_ref()
    }

    /// What was mounted, as `/proc/mounts` shows it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The top of what was mounted.
    #[must_use]
    pub fn root(&self) -> &Arc<Dentry> {
        &self.root
    }

    /// How it was mounted.
    #[must_use]
    pub fn flags(&self) -> MountFlags {
        MountFlags::from_bits_truncate(self.flags.load(Ordering::Acquire))
    }

    /// Changes how it is mounted. Files that are open stay as they were opened.
    pub fn set_flags(&self, flags: MountFlags) {
        self.flags.store(flags.bits(), Ordering::Release);
    }

    /// The place this mount covers.
    #[must_use]
    pub fn parent(&self) -> Option<Location> {
        self.parent.read().clone()
    }

    /// The mount that covers a dentry of this one.
    pub(crate) fn child_at(&self, dentry: &Arc<Dentry>) -> Option<Arc<Mount>> {
        self.children.lock().get(&address(dentry)).cloned()
    }

    /// Whether files can be changed through this mount.
    ///
    /// # Errors
    /// `EROFS`: they cannot.
    pub fn check_writable(&self) -> SysResult {
        let is_read_only = self.flags().contains(MountFlags::RDONLY)
            || self
                .filesystem
                .as_ref()
                .is_some_and(|filesystem| filesystem.is_read_only());
        if is_read_only {
            Err(Errno::EROFS.into())
        } else {
            Ok(())
        }
    }

    /// Whether both show the same filesystem, so that files can be renamed and linked between them.
    #[must_use]
    pub fn is_same_filesystem(&self, other: &Self) -> bool {
        // Linux asks for the same mount; so do we.
        self.id == other.id
    }

    /// Tells size, limits and flags.
    ///
    /// # Errors
    /// Those of the filesystem.
    pub fn statfs(&self) -> SysResult<StatFs> {
        let mut stat = match &self.filesystem {
            Some(filesystem) => filesystem.statfs()?,
            None => StatFs {
                magic: cenote_abi::fs::ANON_INODE_FS_MAGIC,
                block_size: 4096,
                ..StatFs::default()
            },
        };
        stat.name_length = cenote_base::path::NAME_MAX as u64;
        stat.flags |= self.flags().statfs_bits();
        Ok(stat)
    }

    pub(crate) fn special_files(&self) -> Option<&Arc<dyn SpecialFiles>> {
        self.shared.special.get()
    }
}
