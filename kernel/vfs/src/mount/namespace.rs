//! The mounts of one machine: [`Namespace`].
//!
//! Mounts know each other both ways (a cycle of `Arc`s), which dropping the namespace cuts.
//! Differs from mount(2): no propagation; `umount` never finds a filesystem busy with open files, they keep it alive
//! out of sight (as `MNT_DETACH`).

use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cenote_abi::Errno;
use cenote_abi::fs::FileType;
use cenote_base::{SysError, SysResult};

use super::{Mount, MountFlags, Shared, SpecialFiles, address};
use crate::dentry::{Dentry, Location};
use crate::filesystem::FileSystem;

/// How many mounts a machine may have.
const MAX_MOUNTS: u32 = 1_024;

/// The mount table of a machine.
#[derive(Debug)]
pub struct Namespace {
    root: Location,
    shared: Arc<Shared>,
}

impl Namespace {
    /// A tree with one filesystem at `/`.
    #[must_use]
    pub fn new(filesystem: Arc<dyn FileSystem>, flags: MountFlags) -> Self {
        let shared = Arc::<Shared>::default();
        let top = Dentry::new_root(filesystem.root(), b"");
        let mount = Mount::new(
            filesystem,
            Arc::clone(&top),
            "root",
            flags,
            Arc::clone(&shared),
        );
        Self {
            root: Location::new(mount, top),
            shared,
        }
    }

    /// The top directory.
    #[must_use]
    pub fn root(&self) -> Location {
        self.root.clone().top()
    }

    /// Says who opens named pipes and devices. The first call counts.
    pub fn set_special_files(&self, special: Arc<dyn SpecialFiles>) {
        // A second opener would change what files mean that are open already.
        drop(self.shared.special.set(special));
    }

    /// Puts a filesystem over a place.
    ///
    /// # Errors
    /// `ENOTDIR`: one of the two is a directory and the other is not. `ENOENT`: the place was removed. `ENOSPC`: too many.
    pub fn mount(
        &self,
        at: &Location,
        filesystem: Arc<dyn FileSystem>,
        flags: MountFlags,
    ) -> SysResult<Arc<Mount>> {
        let source = filesystem.type_name();
        let top = Dentry::new_root(filesystem.root(), b"");
        let mount = Mount::new(filesystem, top, source, flags, Arc::clone(&self.shared));
        self.attach(at, mount)
    }

    /// Shows a place of the tree at another place too (`MS_BIND`).
    ///
    /// # Errors
    /// As [`mount`](Self::mount); `EINVAL`: `source` is outside the tree.
    pub fn bind(
        &self,
        source: &Location,
        at: &Location,
        flags: MountFlags,
    ) -> SysResult<Arc<Mount>> {
        let filesystem = source.mount().filesystem().ok_or(Errno::EINVAL)?;
        let root = Arc::clone(source.dentry());
        let mount = Mount::new(
            Arc::clone(filesystem),
            root,
            source.mount().source(),
            flags,
            Arc::clone(&self.shared),
        );
        self.attach(at, mount)
    }

    fn attach(&self, at: &Location, mount: Arc<Mount>) -> SysResult<Arc<Mount>> {
        let at = at.clone().top();
        let is_directory = |dentry: &Dentry| dentry.inode().file_type() == FileType::Directory;
        if is_directory(at.dentry()) != is_directory(mount.root()) {
            return Err(Errno::ENOTDIR.into());
        }
        if at.is_deleted() {
            return Err(Errno::ENOENT.into());
        }
        if self.shared.mounts.fetch_add(1, Ordering::AcqRel) >= MAX_MOUNTS {
            self.shared.mounts.fetch_sub(1, Ordering::AcqRel);
            return Err(SysError::with_note(Errno::ENOSPC, "too many mounts"));
        }
        *mount.parent.write() = Some(at.clone());
        match at.mount().children.lock().entry(address(at.dentry())) {
            Entry::Vacant(vacant) => {
                vacant.insert(Arc::clone(&mount));
                at.dentry().mount_added();
                Ok(mount)
            }
            Entry::Occupied(_) => {
                // Someone mounted here since we looked.
                self.shared.mounts.fetch_sub(1, Ordering::AcqRel);
                Err(Errno::EBUSY.into())
            }
        }
    }

    /// Takes the topmost mount away whose root is at `at`.
    ///
    /// # Errors
    /// `EINVAL`: not the root of a mount, or that of the machine. `EBUSY`: something is mounted below.
    pub fn umount(&self, at: &Location) -> SysResult {
        let mount = Arc::clone(at.mount());
        if !at.is_mount_root() || mount.id() == self.root.mount().id() {
            return Err(Errno::EINVAL.into());
        }
        if !mount.children.lock().is_empty() {
            return Err(Errno::EBUSY.into());
        }
        let covered = mount.parent.write().take().ok_or(Errno::EINVAL)?;
        let removed = covered
            .mount()
            .children
            .lock()
            .remove(&address(covered.dentry()));
        if removed.is_some() {
            covered.dentry().mount_removed();
            self.shared.mounts.fetch_sub(1, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Every mount, those below after those above.
    #[must_use]
    pub fn mounts(&self) -> Vec<Arc<Mount>> {
        let mut found = vec![Arc::clone(self.root.mount())];
        let mut index = 0;
        while let Some(mount) = found.get(index).cloned() {
            let mut children: Vec<Arc<Mount>> = mount.children.lock().values().cloned().collect();
            children.sort_by_key(|child| child.id());
            found.append(&mut children);
            index += 1;
        }
        found
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        for mount in self.mounts() {
            let children = std::mem::take(&mut *mount.children.lock());
            drop(children);
            let parent = mount.parent.write().take();
            drop(parent);
        }
    }
}
