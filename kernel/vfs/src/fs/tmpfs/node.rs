//! A file in use: [`Node`]. What it is and holds is in the filesystem's table; of a layer's file that nobody changed, in the layer.
//!
//! Before anything of a layer's file changes it is *kept* ([`Node::keep`]): the table has it from then on. Its content stays in the layer
//! ([`Body::Below`]) until it is written to.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::fs::{FallocFlags, FileType, RenameFlags, Stat, Whence};
use cenote_base::SysResult;
use cenote_base::limits::{Charge, Resource};
use parking_lot::{Mutex, RwLockWriteGuard};

use super::attributes::Attributes;
use super::content::{CHUNK, Content};
use super::directory::{self, Directory, Place, Told};
use super::table::{Body, File, Files, Meter};
use super::{ROOT, Shared, rename};
use crate::dentry::same_inode;
use crate::fs::overlay::{Found, Layers};
use crate::inode::{Attachment, AttributeChanges, DirEntry, Inode, NewNode, NewOwner};

/// The largest size of a file.
const MAX_SIZE: u64 = i64::MAX.unsigned_abs();
/// The most names a file may have.
const MAX_LINKS: u64 = 65_000;
/// How much is copied out while the files are locked.
const READ_STEP: usize = 1 << 20;

/// One file.
pub(super) struct Node {
    shared: Arc<Shared>,
    this: Weak<Node>,
    ino: u64,
    kind: FileType,
    /// Where it was found, if that was in a layer.
    origin: Option<Origin>,
    attachment: Option<Arc<Attachment>>,
    /// The names of the layers, while somebody reads the directory.
    listing: Mutex<Option<Arc<[Told]>>>,
    /// What was found in the layers under names of this directory, while it is in use.
    found: Mutex<HashMap<Box<[u8]>, Weak<Node>>>,
}

/// What is known of a file that was found in a layer.
pub(super) struct Origin {
    inode: Arc<dyn Inode>,
    /// For a directory: what is below it, and where it is.
    directory: Option<(Layers, Arc<Node>)>,
}

impl Node {
    pub(super) fn make(
        shared: &Arc<Shared>,
        ino: u64,
        kind: FileType,
        origin: Option<Origin>,
        attachment: Option<Arc<Attachment>>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            shared: Arc::clone(shared),
            this: Weak::clone(this),
            ino,
            kind,
            origin,
            attachment,
            listing: Mutex::default(),
            found: Mutex::default(),
        })
    }

    /// The top directory.
    pub(super) fn of_root(shared: &Arc<Shared>) -> Arc<Self> {
        let (root, evicted) = shared.node(ROOT, FileType::Directory, None);
        drop(evicted);
        root
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn number(&self) -> u64 {
        self.ino
    }

    pub(super) fn file_kind(&self) -> FileType {
        self.kind
    }

    pub(super) fn this(&self) -> Arc<Self> {
        self.this
            .upgrade()
            .expect("whoever calls a method of a node holds an Arc of it")
    }

    /// The node behind an inode, if it is of the same filesystem.
    pub(super) fn of<'a>(&self, inode: &'a Arc<dyn Inode>) -> SysResult<&'a Self> {
        let node = inode.as_any().downcast_ref::<Self>().ok_or(Errno::EXDEV)?;
        if Arc::ptr_eq(&node.shared, &self.shared) {
            Ok(node)
        } else {
            Err(Errno::EXDEV.into())
        }
    }

    /// Looks at what the table has of this directory: nothing, for a layer's that nobody changed.
    pub(super) fn with_directory<T>(
        &self,
        look: impl FnOnce(Option<&Directory>) -> T,
    ) -> SysResult<T> {
        if self.kind != FileType::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        let files = self.shared.files.read();
        let directory = files.table.get(self.ino).map(File::directory).transpose()?;
        Ok(look(directory))
    }

    /// The names of the layers, made by `make` if nobody is reading them already; nothing without layers.
    pub(super) fn listing(
        &self,
        make: impl FnOnce(&Layers) -> SysResult<Arc<[Told]>>,
    ) -> SysResult<Option<Arc<[Told]>>> {
        if let Some(listing) = &*self.listing.lock() {
            return Ok(Some(Arc::clone(listing)));
        }
        let own = self
            .with_directory(|directory| directory.map(|directory| directory.layers().cloned()))?;
        let layers = match own {
            Some(layers) => layers,
            None => self.origin_layers().cloned(),
        };
        let Some(layers) = layers else {
            return Ok(None);
        };
        let listing = make(&layers)?;
        *self.listing.lock() = Some(Arc::clone(&listing));
        Ok(Some(listing))
    }

    pub(super) fn forget_listing(&self) {
        let listing = self.listing.lock().take();
        drop(listing);
    }

    fn origin_layers(&self) -> Option<&Layers> {
        let (layers, _) = self.origin.as_ref()?.directory.as_ref()?;
        Some(layers)
    }

    /// Finds a name in this directory.
    pub(super) fn find(&self, files: &Files, name: &[u8]) -> SysResult<Place> {
        if self.kind != FileType::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        match files.table.get(self.ino) {
            Some(file) => file.directory()?.find(name),
            None => match self.origin_layers() {
                Some(layers) => layers.lookup(name).map(Place::Below),
                None => Err(Errno::ENOENT.into()),
            },
        }
    }

    /// The file of this name. Call without locks.
    pub(super) fn child(&self, name: &[u8]) -> SysResult<Arc<Self>> {
        // Before the lock, so that it is let go after it.
        let before = self.found.lock().get(name).and_then(Weak::upgrade);
        let files = self.shared.files.read();
        if let Some(before) = before.as_ref().filter(|_| !self.hides(&files, name)) {
            return Ok(Arc::clone(before));
        }
        let (child, evicted) = match self.find(&files, name)? {
            Place::Own(entry) => self.shared.node(entry.ino, entry.kind, None),
            Place::Below(Found { inode, ino, below }) => {
                let kind = inode.file_type();
                let origin = Origin {
                    inode,
                    directory: below.map(|below| (below, self.this())),
                };
                let (child, evicted) = self.shared.node(ino, kind, Some(origin));
                let mut found = self.found.lock();
                if found.len() == found.capacity() {
                    found.retain(|_, node| node.strong_count() > 0);
                }
                found.insert(name.into(), Arc::downgrade(&child));
                (child, evicted)
            }
        };
        drop(files);
        drop(evicted);
        Ok(child)
    }

    /// Whether a name of this directory means something else than in the layers.
    fn hides(&self, files: &Files, name: &[u8]) -> bool {
        files.table.get(self.ino).is_some_and(|file| {
            file.directory()
                .is_ok_and(|directory| directory.knows(name))
        })
    }

    /// As `child`; nothing where there is no such name.
    pub(super) fn child_if_any(&self, name: &[u8]) -> SysResult<Option<Arc<Self>>> {
        match self.child(name) {
            Ok(child) => Ok(Some(child)),
            Err(error) if error.errno() == Errno::ENOENT => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes sure that the table has this file. A directory's ancestors come with it, so that the way up is known; these cost nothing,
    /// other files an inode if `is_charged`.
    pub(super) fn keep(&self, files: &mut Files, is_charged: bool) -> SysResult {
        let mut missing = Vec::new();
        let mut at = self;
        while files.table.get(at.ino).is_none() {
            let origin = at.origin.as_ref().ok_or(Errno::ENOENT)?;
            missing.push((at.ino, origin));
            match &origin.directory {
                Some((_, parent)) => at = parent,
                None => break,
            }
        }
        for (ino, origin) in missing.into_iter().rev() {
            let mut file = origin.file()?;
            if is_charged && origin.directory.is_none() {
                files.meter.add_inode()?;
                file.is_charged = true;
            }
            files.table.insert(ino, file);
        }
        Ok(())
    }

    /// Whether the table has this file.
    pub(super) fn is_kept(&self) -> bool {
        self.shared.files.read().table.get(self.ino).is_some()
    }

    /// Whether this is the layer's file as it is there.
    pub(super) fn is_unchanged(&self, layer: &Arc<dyn Inode>) -> bool {
        let origin = self.origin.as_ref();
        !self.is_kept() && origin.is_some_and(|origin| same_inode(&origin.inode, layer))
    }

    /// Whether what these layers have shows through this directory.
    pub(super) fn shows(&self, base: &Layers) -> bool {
        let own =
            self.with_directory(|directory| directory.map(|directory| directory.layers().cloned()));
        let own = match own {
            Ok(Some(layers)) => layers,
            Ok(None) => self.origin_layers().cloned(),
            Err(_) => None,
        };
        match (own.as_ref().and_then(Layers::top), base.top()) {
            (Some(own), Some(base)) => same_inode(own, base),
            _ => false,
        }
    }

    /// Looks at this file's data: what the table has, or else the layer's inode.
    fn look<T>(&self, look: impl FnOnce(Result<&File, &Arc<dyn Inode>>) -> T) -> SysResult<T> {
        let files = self.shared.files.read();
        match (files.table.get(self.ino), &self.origin) {
            (Some(file), _) => Ok(look(Ok(file))),
            (None, Some(origin)) => Ok(look(Err(&origin.inode))),
            (None, None) => Err(Errno::ENOENT.into()),
        }
    }

    /// The layer's inode, if the content is still there.
    fn below(&self) -> Option<Arc<dyn Inode>> {
        let found = self.look(|data| match data {
            Ok(File {
                body: Body::Below(below),
                ..
            })
            | Err(below) => Some(Arc::clone(below)),
            Ok(_) => None,
        });
        found.ok().flatten()
    }

    /// Locks the files, with this one's content in the table: copied up from the layer if it is still there, or dropped.
    fn lock_content(&self, is_dropped: bool) -> SysResult<RwLockWriteGuard<'_, Files>> {
        loop {
            let mut files = self.shared.files.write();
            self.keep(&mut files, true)?;
            let file = files.table.get_mut(self.ino)?;
            let below = match &file.body {
                Body::Below(below) => Arc::clone(below),
                _ => {
                    file.content_mut()?;
                    return Ok(files);
                }
            };
            if is_dropped {
                file.body = Body::Regular(Content::default());
                return Ok(files);
            }
            drop(files);
            // The layer may be slow: without the lock, but with room for what comes.
            let (content, room) = self.shared.copy_up(&below)?;
            let mut files = self.shared.files.write();
            let (file, meter) = files.split(self.ino)?;
            if matches!(&file.body, Body::Below(still) if Arc::ptr_eq(still, &below)) {
                drop(room);
                meter.recharge(&mut file.bytes, content.stored())?;
                file.body = Body::Regular(content);
                return Ok(files);
            }
        }
    }

    fn write_locked(&self, files: &mut Files, offset: u64, buf: &[u8]) -> SysResult<usize> {
        let room = usize::try_from(MAX_SIZE.saturating_sub(offset)).unwrap_or(usize::MAX);
        if room == 0 && !buf.is_empty() {
            return Err(Errno::EFBIG.into());
        }
        let buf = buf.get(..room).unwrap_or(buf);
        if buf.is_empty() {
            return Ok(0);
        }
        let (file, meter) = files.split(self.ino)?;
        let written = write(file, meter, offset, buf)?;
        file.attributes.modified(self.shared.now());
        Ok(written)
    }

    fn note_access(&self) {
        if self.shared.is_frozen {
            return;
        }
        let mut files = self.shared.files.write();
        if let Ok(file) = files.table.get_mut(self.ino) {
            file.attributes.accessed(self.shared.now());
        }
    }

    /// A name of this file is gone. Answers what to drop without the lock.
    pub(super) fn lose_name(&self, files: &mut Files) -> SysResult<Option<Arc<Self>>> {
        let now = self.shared.now();
        let file = files.table.get_mut(self.ino)?;
        file.attributes.nlink = match self.kind {
            FileType::Directory => 0,
            _ => file.attributes.nlink.saturating_sub(1),
        };
        file.attributes.changed(now);
        if file.attributes.nlink > 0 {
            return Ok(None);
        }
        files.table.add_orphan(self.ino);
        Ok(self.shared.live.lock().add_orphan(self.ino))
    }

    /// The bytes at `offset`, and whether the reading must be noted; nothing where they are in a layer.
    fn read_own(&self, offset: u64, buf: &mut [u8]) -> SysResult<Option<(usize, bool)>> {
        self.look(|data| match data {
            Ok(file) => match &file.body {
                Body::Regular(content) => Ok(Some((
                    content.read(offset, buf),
                    file.attributes.wants_atime(),
                ))),
                Body::Below(_) => Ok(None),
                Body::Directory(_) => Err(Errno::EISDIR.into()),
                Body::Symlink(_) | Body::Special => Err(Errno::EINVAL.into()),
            },
            Err(_) => Ok(None),
        })?
    }

    /// Removes an entry whose file is `is_right`; answers when it is gone.
    fn remove_child(
        &self,
        name: &[u8],
        check: impl Fn(&Self, &mut Files) -> SysResult,
    ) -> SysResult {
        loop {
            let victim = self.child(name)?;
            let mut files = self.shared.files.write();
            if self.find(&files, name)?.ino() != victim.ino {
                // Another file took the name meanwhile. The lock goes before the node does.
                drop(files);
                continue;
            }
            let removed = victim
                .keep(&mut files, false)
                .and_then(|()| check(&victim, &mut files))
                .and_then(|()| self.keep(&mut files, false))
                .and_then(|()| files.remove_entry(self.ino, name, victim.kind, self.shared.now()))
                .and_then(|()| victim.lose_name(&mut files));
            drop(files);
            drop(victim);
            return removed.map(drop);
        }
    }
}

impl Origin {
    /// The layer's file, as the table has it.
    fn file(&self) -> SysResult<File> {
        let stat = self.inode.stat()?;
        let body = match (self.inode.file_type(), &self.directory) {
            (FileType::Regular, _) => Body::Below(Arc::clone(&self.inode)),
            (FileType::Directory, Some((layers, parent))) => {
                Body::Directory(Box::new(Directory::over(layers.clone(), parent.ino)))
            }
            (FileType::Symlink, _) => Body::Symlink(self.inode.read_link()?.into()),
            _ => Body::Special,
        };
        Ok(File::new(Attributes::copied(&stat), body))
    }
}

impl Shared {
    /// Reads a layer's file; answers it with a charge that is room for it.
    fn copy_up(&self, below: &Arc<dyn Inode>) -> SysResult<(Content, Charge)> {
        let size = below.stat()?.size;
        let room = self.budget.charge(Resource::FilesystemBytes, size)?;
        let mut content = Content::default();
        let mut buf = vec![0; CHUNK];
        while content.size() < size {
            let at = content.size();
            let count = below.read_at(at, &mut buf)?;
            let left = usize::try_from(size - at).unwrap_or(usize::MAX);
            let Some(piece) = buf.get(..count.min(left)).filter(|piece| !piece.is_empty()) else {
                break;
            };
            let mut done = 0;
            while let Some(rest) = piece.get(done..).filter(|rest| !rest.is_empty()) {
                let step = Content::step(at + done as u64, rest.len());
                content.write_step(at + done as u64, rest.get(..step).unwrap_or(rest));
                done += step;
            }
        }
        Ok((content, room))
    }
}

/// Writes as much as the machine's limit lets it; at least something, or fails.
fn write(file: &mut File, meter: &mut Meter, offset: u64, buf: &[u8]) -> SysResult<usize> {
    let mut held = file.bytes;
    let mut done = 0;
    let content = file.content_mut()?;
    while done < buf.len() {
        let at = offset + done as u64;
        let step = Content::step(at, buf.len() - done);
        let Some(piece) = buf.get(done..done + step) else {
            break;
        };
        match meter.recharge(&mut held, content.stored_after(at, step)) {
            Ok(()) => content.write_step(at, piece),
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
        done += step;
    }
    file.bytes = held;
    Ok(done)
}

impl Inode for Node {
    fn stat(&self) -> SysResult<Stat> {
        let mut stat = self.look(|data| match data {
            Ok(file) => {
                let mut stat = file.attributes.stat(self.kind);
                (stat.size, stat.blocks) = match &file.body {
                    Body::Regular(content) => (content.size(), content.stored().div_ceil(512)),
                    Body::Below(below) => {
                        let below = below.stat()?;
                        (below.size, below.blocks)
                    }
                    Body::Directory(_) => (4096, 0),
                    Body::Symlink(target) => (target.len() as u64, 0),
                    Body::Special => (0, 0),
                };
                Ok(stat)
            }
            Err(inode) => {
                let below = inode.stat()?;
                let mut stat = Attributes::copied(&below).stat(self.kind);
                (stat.size, stat.blocks) = match self.kind {
                    FileType::Regular => (below.size, below.blocks),
                    FileType::Directory => (4096, 0),
                    FileType::Symlink => (below.size, 0),
                    _ => (0, 0),
                };
                SysResult::Ok(stat)
            }
        })??;
        stat.dev = self.shared.device;
        stat.ino = self.ino;
        Ok(stat)
    }

    fn file_type(&self) -> FileType {
        self.kind
    }

    fn lookup(&self, name: &[u8]) -> SysResult<Arc<dyn Inode>> {
        Ok(self.child(name)?)
    }

    fn create(
        &self,
        name: &[u8],
        node: NewNode<'_>,
        owner: &NewOwner,
    ) -> SysResult<Arc<dyn Inode>> {
        let now = self.shared.now();
        let kind = node.file_type();
        let mut guard = self.shared.files.write();
        let files = &mut *guard;
        match self.find(files, name) {
            Ok(_) => return Err(Errno::EEXIST.into()),
            Err(error) if error.errno() == Errno::ENOENT => {}
            Err(error) => return Err(error),
        }
        self.keep(files, false)?;
        files.living(self.ino)?;
        files.meter.add_inode()?;
        let ino = files.table.next_ino();
        let mut made = new_file(node, owner, self.ino, now);
        made.is_charged = true;
        let target = match &made.body {
            Body::Symlink(target) => target.len() as u64,
            _ => 0,
        };
        let charged = files.meter.recharge(&mut made.bytes, target);
        files.table.insert(ino, made);
        let added = charged.and_then(|()| files.add_entry(self.ino, name, (ino, kind), now));
        if let Err(error) = added {
            drop(files.purge(ino));
            return Err(error);
        }
        let (made, evicted) = self.shared.node(ino, kind, None);
        drop(guard);
        drop(evicted);
        Ok(made)
    }

    fn create_unnamed(&self, owner: &NewOwner) -> SysResult<Arc<dyn Inode>> {
        let now = self.shared.now();
        let mut files = self.shared.files.write();
        files.meter.add_inode()?;
        let ino = files.table.next_ino();
        let mut made = new_file(NewNode::Regular, owner, self.ino, now);
        made.attributes.nlink = 0;
        made.is_charged = true;
        made.may_be_linked = true;
        files.table.insert(ino, made);
        files.table.add_orphan(ino);
        let (made, evicted) = self.shared.node(ino, FileType::Regular, None);
        let kept = self.shared.live.lock().add_orphan(ino);
        drop(files);
        drop((evicted, kept));
        Ok(made)
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> SysResult {
        let target = self.of(target)?;
        if target.kind == FileType::Directory {
            return Err(Errno::EPERM.into());
        }
        let now = self.shared.now();
        let mut files = self.shared.files.write();
        target.keep(&mut files, true)?;
        match self.find(&files, name) {
            Ok(_) => return Err(Errno::EEXIST.into()),
            Err(error) if error.errno() == Errno::ENOENT => {}
            Err(error) => return Err(error),
        }
        self.keep(&mut files, false)?;
        files.living(self.ino)?;
        let linked = files.table.get(target.ino).ok_or(Errno::ENOENT)?;
        match linked.attributes.nlink {
            0 if !linked.may_be_linked => return Err(Errno::ENOENT.into()),
            MAX_LINKS.. => return Err(Errno::EMLINK.into()),
            _ => {}
        }
        files.add_entry(self.ino, name, (target.ino, target.kind), now)?;
        let linked = files.table.get_mut(target.ino)?;
        linked.attributes.nlink += 1;
        linked.attributes.changed(now);
        if files.table.remove_orphan(target.ino) {
            self.shared.live.lock().remove_orphan(target.ino);
        }
        Ok(())
    }

    fn unlink(&self, name: &[u8]) -> SysResult {
        self.remove_child(name, |victim, _| match victim.kind {
            FileType::Directory => Err(Errno::EISDIR.into()),
            _ => Ok(()),
        })
    }

    fn rmdir(&self, name: &[u8]) -> SysResult {
        self.remove_child(name, |victim, files| match victim.kind {
            FileType::Directory => rename::bury(victim, files),
            _ => Err(Errno::ENOTDIR.into()),
        })
    }

    fn rename(
        &self,
        from: &[u8],
        to_dir: &Arc<dyn Inode>,
        to: &[u8],
        flags: RenameFlags,
    ) -> SysResult {
        rename::rename(self, from, self.of(to_dir)?, to, flags)
    }

    fn read_dir(&self, cursor: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> SysResult {
        directory::tell(self, cursor, emit)?;
        let wants_atime = self.look(|data| data.is_ok_and(|file| file.attributes.wants_atime()))?;
        if wants_atime {
            self.note_access();
        }
        Ok(())
    }

    fn read_link(&self) -> SysResult<Vec<u8>> {
        self.look(|data| match data {
            Ok(File {
                body: Body::Symlink(target),
                ..
            }) => Ok(target.to_vec()),
            Ok(_) => Err(Errno::EINVAL.into()),
            Err(below) => below.read_link(),
        })?
    }

    fn set_attributes(&self, changes: &AttributeChanges) -> SysResult {
        let now = self.shared.now();
        let Some(size) = changes.size else {
            let mut files = self.shared.files.write();
            self.keep(&mut files, true)?;
            files
                .table
                .get_mut(self.ino)?
                .attributes
                .apply(changes, now);
            return Ok(());
        };
        match self.kind {
            FileType::Regular => {}
            FileType::Directory => return Err(Errno::EISDIR.into()),
            _ => return Err(Errno::EINVAL.into()),
        }
        if size > MAX_SIZE {
            return Err(Errno::EFBIG.into());
        }
        let mut files = self.lock_content(size == 0)?;
        let (file, meter) = files.split(self.ino)?;
        let content = file.content_mut()?;
        content.resize(size);
        let stored = content.stored();
        file.attributes.modified(now);
        file.attributes.apply(changes, now);
        meter.recharge(&mut file.bytes, stored)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> SysResult<usize> {
        let mut done = 0;
        let mut wants_atime = false;
        loop {
            let end = buf.len().min(done + READ_STEP);
            let piece = buf.get_mut(done..end).unwrap_or_default();
            let wanted = piece.len();
            match self.read_own(offset.saturating_add(done as u64), piece)? {
                Some((count, is_wanted)) => {
                    wants_atime |= is_wanted;
                    done += count;
                    if count < wanted || done == buf.len() {
                        break;
                    }
                }
                None => {
                    let below = self.below().ok_or(Errno::ENOENT)?;
                    return below.read_at(offset, buf);
                }
            }
        }
        if wants_atime {
            self.note_access();
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> SysResult<usize> {
        let mut files = self.lock_content(false)?;
        self.write_locked(&mut files, offset, buf)
    }

    fn append(&self, buf: &[u8]) -> SysResult<(u64, usize)> {
        let mut files = self.lock_content(false)?;
        let end = files.table.get_mut(self.ino)?.content_mut()?.size();
        let written = self.write_locked(&mut files, end, buf)?;
        Ok((end + written as u64, written))
    }

    fn allocate(&self, mode: FallocFlags, offset: u64, len: u64) -> SysResult {
        let keeps_size = mode.contains(FallocFlags::FALLOC_FL_KEEP_SIZE);
        let kind = mode.difference(FallocFlags::FALLOC_FL_KEEP_SIZE);
        let zeroes = kind == FallocFlags::FALLOC_FL_PUNCH_HOLE && keeps_size
            || kind == FallocFlags::FALLOC_FL_ZERO_RANGE;
        if !zeroes && !kind.is_empty() {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let end = offset
            .checked_add(len)
            .filter(|end| *end <= MAX_SIZE)
            .ok_or(Errno::EFBIG)?;
        let now = self.shared.now();
        let mut files = self.lock_content(false)?;
        let (file, meter) = files.split(self.ino)?;
        let content = file.content_mut()?;
        if zeroes {
            content.discard(offset.min(content.size()), end);
            let stored = content.stored();
            meter.recharge(&mut file.bytes, stored)?;
        } else {
            // Memory is not set aside; but what can never fit is refused now.
            drop(self.shared.budget.charge(Resource::FilesystemBytes, len)?);
        }
        let content = file.content_mut()?;
        if !keeps_size && end > content.size() {
            content.resize(end);
        }
        file.attributes.modified(now);
        Ok(())
    }

    fn seek_data(&self, offset: u64, whence: Whence) -> SysResult<u64> {
        self.look(|data| match data {
            Ok(file) => match &file.body {
                Body::Regular(content) => content.seek(offset, whence),
                Body::Below(below) => below.seek_data(offset, whence),
                _ => Err(Errno::EINVAL.into()),
            },
            Err(below) if self.kind == FileType::Regular => below.seek_data(offset, whence),
            Err(_) => Err(Errno::EINVAL.into()),
        })?
    }

    fn attachment(&self) -> Option<&Attachment> {
        self.attachment.as_deref()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn content_digest(&self) -> Option<[u8; 32]> {
        self.below()?.content_digest()
    }

    fn shared_bytes(&self) -> Option<Arc<[u8]>> {
        // Unpacking may take a while: not under the lock.
        self.below()?.shared_bytes()
    }
}

fn new_file(
    node: NewNode<'_>,
    owner: &NewOwner,
    parent: u64,
    now: cenote_abi::fs::Timespec,
) -> File {
    let (body, nlink, rdev) = match node {
        NewNode::Regular => (Body::Regular(Content::default()), 1, 0),
        NewNode::Directory => (Body::Directory(Box::new(Directory::new(parent))), 2, 0),
        NewNode::Symlink(target) => (Body::Symlink(target.into()), 1, 0),
        NewNode::Fifo | NewNode::Socket => (Body::Special, 1, 0),
        NewNode::Device(_, device) => (Body::Special, 1, device.encode()),
    };
    File::new(Attributes::new(owner, nlink, rdev, now), body)
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shared.node_gone(self.ino, self);
        // A chain of a layer's directories may be very deep: let go of them one after another, not recursively.
        let mut above = self.take_parent();
        while let Some(parent) = above {
            above = Arc::into_inner(parent).and_then(|mut last| last.take_parent());
        }
    }
}

impl Node {
    fn take_parent(&mut self) -> Option<Arc<Self>> {
        let directory = self.origin.as_mut()?.directory.take()?;
        Some(directory.1)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Node({:?} {} of {})",
            self.kind, self.ino, self.shared.device
        )
    }
}
