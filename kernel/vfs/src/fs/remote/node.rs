//! One file of a remote tree: [`Node`], which is a path that somebody holds.

use std::any::Any;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, RenameFlags, Stat};
use cenote_base::{SysError, SysResult};
use parking_lot::Mutex;

use super::listing::{is_name, listing};
use super::{MAX_TRANSFER, RemoteStat, Shared};
use crate::fs::listing::{Kept, Listed};
use crate::inode::{AttributeChanges, DirEntry, Inode, NewNode, NewOwner};

/// One file.
pub(super) struct Node {
    shared: Arc<Shared>,
    this: Weak<Node>,
    kind: FileType,
    /// Where it is; `None` once it was removed.
    path: Mutex<Option<Vec<u8>>>,
    /// What `read_dir` goes on with.
    listing: Kept<()>,
    /// Held from asking for the end to writing there.
    appending: Mutex<()>,
}

/// A path with one more name.
fn below(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() {
        return name.to_vec();
    }
    [path, b"/", name].concat()
}

/// What a guest is told where the tree has no such call: as of a disk that cannot.
fn unless_missing<T>(outcome: SysResult<T>) -> SysResult<T> {
    outcome.map_err(|error| match error.errno() {
        Errno::ENOSYS => SysError::with_note(Errno::EPERM, "this filesystem has no such call"),
        _ => error,
    })
}

impl Node {
    pub(super) fn of_root(shared: &Arc<Shared>) -> Arc<Self> {
        let root = Self::make(shared, FileType::Directory, Vec::new());
        shared
            .nodes
            .lock()
            .insert(Vec::new(), Arc::downgrade(&root));
        root
    }

    fn make(shared: &Arc<Shared>, kind: FileType, path: Vec<u8>) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            shared: Arc::clone(shared),
            this: Weak::clone(this),
            kind,
            path: Mutex::new(Some(path)),
            listing: Kept::default(),
            appending: Mutex::default(),
        })
    }

    fn path(&self) -> SysResult<Vec<u8>> {
        self.path
            .lock()
            .clone()
            .ok_or(SysError::with_note(Errno::ESTALE, "the file was removed"))
    }

    /// The path of an entry of this directory.
    fn entry(&self, name: &[u8]) -> SysResult<Vec<u8>> {
        if self.kind != FileType::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        if !is_name(name) {
            return Err(Errno::EINVAL.into());
        }
        Ok(below(&self.path()?, name))
    }

    fn check_writable(&self) -> SysResult {
        if self.shared.is_writable {
            Ok(())
        } else {
            Err(Errno::EROFS.into())
        }
    }

    fn check_regular(&self) -> SysResult {
        match self.kind {
            FileType::Regular => Ok(()),
            _ => Err(self.not_regular()),
        }
    }

    /// The node of a path that names a file of this kind.
    fn node_at(&self, path: Vec<u8>, kind: FileType) -> Arc<Self> {
        // Declared before the guard, so that it is dropped after it: a node that goes takes the lock.
        let known;
        let mut nodes = self.shared.nodes.lock();
        known = nodes.get(&path).and_then(Weak::upgrade);
        if let Some(known) = known.as_ref().filter(|known| known.kind == kind) {
            return Arc::clone(known);
        }
        if nodes.len() == nodes.capacity() {
            nodes.retain(|_, node| node.strong_count() > 0);
        }
        let made = Self::make(&self.shared, kind, path.clone());
        nodes.insert(path, Arc::downgrade(&made));
        made
    }

    /// The nodes at and below a path, taken from the list.
    fn take_held(&self, path: &[u8]) -> Vec<(Vec<u8>, Arc<Self>)> {
        let mut nodes = self.shared.nodes.lock();
        let is_within = |held: &[u8]| {
            held.strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        let held: Vec<Vec<u8>> = nodes
            .keys()
            .filter(|held| is_within(held))
            .cloned()
            .collect();
        let taken = held.into_iter().filter_map(|held| {
            let node = nodes.remove(&held)?.upgrade()?;
            Some((held, node))
        });
        taken.collect()
    }

    /// What was at this path is gone.
    fn forget(&self, path: &[u8]) {
        for (_, node) in self.take_held(path) {
            *node.path.lock() = None;
        }
    }

    fn moved(&self, from: &[u8], to: &[u8]) {
        self.forget(to);
        for (held, node) in self.take_held(from) {
            let rest = held.get(from.len()..).unwrap_or_default();
            let place = [to, rest].concat();
            *node.path.lock() = Some(place.clone());
            self.shared
                .nodes
                .lock()
                .insert(place, Arc::downgrade(&node));
        }
    }

    /// The node behind an inode, if it is of the same tree.
    fn of<'a>(&self, inode: &'a Arc<dyn Inode>) -> SysResult<&'a Self> {
        let node = inode.as_any().downcast_ref::<Self>().ok_or(Errno::EXDEV)?;
        if Arc::ptr_eq(&node.shared, &self.shared) {
            Ok(node)
        } else {
            Err(Errno::EXDEV.into())
        }
    }

    fn ino(&self, path: &[u8]) -> u64 {
        self.shared.hasher.hash_one(path).max(1)
    }

    fn shown(&self, path: &[u8], told: &RemoteStat) -> Stat {
        let ino = if told.ino == 0 {
            self.ino(path)
        } else {
            told.ino
        };
        Stat {
            dev: self.shared.device,
            ino,
            nlink: told.nlink.max(1),
            mode: self.kind.mode_bits() | told.mode & 0o7777,
            uid: told.uid,
            gid: told.gid,
            rdev: 0,
            size: told.size,
            blksize: 64 << 10,
            blocks: told.size.div_ceil(512),
            atime: told.atime,
            mtime: told.mtime,
            ctime: told.ctime,
            btime: told.mtime,
        }
    }
}

impl Inode for Node {
    fn stat(&self) -> SysResult<Stat> {
        let path = self.path()?;
        let told = self.shared.tree.stat(&path)?;
        if told.kind != self.kind {
            return Err(SysError::with_note(
                Errno::ESTALE,
                "another kind of file is there by now",
            ));
        }
        Ok(self.shown(&path, &told))
    }

    fn file_type(&self) -> FileType {
        self.kind
    }

    fn lookup(&self, name: &[u8]) -> SysResult<Arc<dyn Inode>> {
        let path = self.entry(name)?;
        match self.shared.tree.stat(&path) {
            Ok(told) => Ok(self.node_at(path, told.kind)),
            Err(error) => {
                if error.errno() == Errno::ENOENT {
                    self.forget(&path);
                }
                Err(error)
            }
        }
    }

    fn create(
        &self,
        name: &[u8],
        node: NewNode<'_>,
        owner: &NewOwner,
    ) -> SysResult<Arc<dyn Inode>> {
        self.check_writable()?;
        let path = self.entry(name)?;
        let tree = &self.shared.tree;
        let mode = owner.mode.raw() & 0o7777;
        match node {
            NewNode::Regular => tree.create(&path, mode)?,
            NewNode::Directory => tree.mkdir(&path, mode)?,
            NewNode::Symlink(target) => unless_missing(tree.symlink(target, &path))?,
            NewNode::Fifo | NewNode::Socket | NewNode::Device(..) => {
                return Err(Errno::EPERM.into());
            }
        }
        // Whatever was held under this name is another file.
        self.forget(&path);
        Ok(self.node_at(path, node.file_type()))
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> SysResult {
        self.check_writable()?;
        let from = self.of(target)?.path()?;
        unless_missing(self.shared.tree.link(&from, &self.entry(name)?))
    }

    fn unlink(&self, name: &[u8]) -> SysResult {
        self.check_writable()?;
        let path = self.entry(name)?;
        self.shared.tree.unlink(&path)?;
        self.forget(&path);
        Ok(())
    }

    fn rmdir(&self, name: &[u8]) -> SysResult {
        self.check_writable()?;
        let path = self.entry(name)?;
        self.shared.tree.rmdir(&path)?;
        self.forget(&path);
        Ok(())
    }

    fn rename(
        &self,
        from: &[u8],
        to_dir: &Arc<dyn Inode>,
        to: &[u8],
        flags: RenameFlags,
    ) -> SysResult {
        self.check_writable()?;
        if flags.contains(RenameFlags::RENAME_EXCHANGE) {
            return Err(SysError::with_note(
                Errno::EINVAL,
                "this filesystem cannot exchange names",
            ));
        }
        let (from, to) = (self.entry(from)?, self.of(to_dir)?.entry(to)?);
        self.shared.tree.rename(&from, &to)?;
        self.moved(&from, &to);
        Ok(())
    }

    fn read_dir(&self, cursor: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> SysResult {
        if self.kind != FileType::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        let path = self.path()?;
        let read = || Ok(listing(&self.shared, self.shared.tree.read_dir(&path)?));
        let ino = |listed: &Listed<()>| self.ino(&below(&path, &listed.name));
        self.listing.read_dir(cursor, read, ino, emit)
    }

    fn read_link(&self) -> SysResult<Vec<u8>> {
        if self.kind != FileType::Symlink {
            return Err(Errno::EINVAL.into());
        }
        let target = self.shared.tree.read_link(&self.path()?)?;
        if target.is_empty() || target.len() > 4095 || target.contains(&0) {
            return Err(SysError::with_note(Errno::EIO, "a link that leads nowhere"));
        }
        Ok(target)
    }

    fn set_attributes(&self, changes: &AttributeChanges) -> SysResult {
        self.check_writable()?;
        let path = self.path()?;
        if let Some(size) = changes.size {
            self.check_regular()?;
            self.shared.tree.truncate(&path, size)?;
        }
        let others = AttributeChanges {
            size: None,
            ..*changes
        };
        if others == AttributeChanges::default() {
            return Ok(());
        }
        unless_missing(self.shared.tree.set_attributes(&path, &others))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> SysResult<usize> {
        self.check_regular()?;
        let wanted = buf.len().min(MAX_TRANSFER);
        if wanted == 0 {
            return Ok(0);
        }
        let bytes = self.shared.tree.read(&self.path()?, offset, wanted)?;
        // More than was asked for is not taken.
        let count = bytes.len().min(wanted);
        if let (Some(place), Some(bytes)) = (buf.get_mut(..count), bytes.get(..count)) {
            place.copy_from_slice(bytes);
        }
        Ok(count)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> SysResult<usize> {
        self.check_writable()?;
        self.check_regular()?;
        let part = buf.get(..MAX_TRANSFER).unwrap_or(buf);
        let end = offset.checked_add(part.len() as u64);
        if end.is_none_or(|end| end > i64::MAX.unsigned_abs()) {
            return Err(Errno::EFBIG.into());
        }
        self.shared.tree.write(&self.path()?, offset, part)?;
        Ok(part.len())
    }

    fn append(&self, buf: &[u8]) -> SysResult<(u64, usize)> {
        let appending = self.appending.lock();
        let end = self.stat()?.size;
        let written = self.write_at(end, buf)?;
        drop(appending);
        Ok((end.saturating_add(written as u64), written))
    }

    fn is_slow(&self) -> bool {
        true
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let Some(path) = self.path.get_mut().take() else {
            return;
        };
        let mut nodes = self.shared.nodes.lock();
        // Somebody may have made another one meanwhile.
        if nodes
            .get(&path)
            .is_some_and(|held| std::ptr::eq(held.as_ptr(), self.this.as_ptr()))
        {
            nodes.remove(&path);
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({:?})", self.kind)
    }
}
