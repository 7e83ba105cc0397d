//! A file of any kind: [`Node`].
//!
//! A file of a layer below starts as [`Body::Below`]: its content stays there until it is written to. Before anything
//! of it changes it is *kept* ([`Node::keep`]): its directory holds it from then on, and its inode is charged.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::fs::{FallocFlags, FileType, RenameFlags, Stat, Whence};
use cenote_base::SysResult;
use cenote_base::limits::{Charge, Resource};
use parking_lot::{Mutex, RwLock};

use super::attributes::Attributes;
use super::content::{CHUNK, Content};
use super::directory::{self, Directory, entry_cost};
use super::{Shared, rename};
use crate::fs::overlay::{Found, Layers};
use crate::inode::{Attachment, AttributeChanges, DirEntry, Inode, NewNode, NewOwner};

/// The largest size of a file.
const MAX_SIZE: u64 = i64::MAX.unsigned_abs();
/// The most names a file may have.
const MAX_LINKS: u64 = 65_000;

/// One file.
pub(super) struct Node {
    shared: Arc<Shared>,
    this: Weak<Node>,
    ino: u64,
    kind: FileType,
    state: RwLock<State>,
    place: Mutex<Place>,
    attachment: Option<Box<Attachment>>,
}

/// What a file is and holds.
pub(super) struct State {
    pub(super) attributes: Attributes,
    body: Body,
    /// For bytes, target or entries.
    bytes: Option<Charge>,
}

/// What kinds of file are made of.
enum Body {
    Regular(Content),
    /// A regular file whose content is still the layer's.
    Below(Arc<dyn Inode>),
    Directory(Box<Directory>),
    Symlink(Box<[u8]>),
    Special,
}

/// Where a file is, as far as the filesystem must know.
#[derive(Default)]
struct Place {
    /// The parent of a directory, and of an unchanged file of a layer.
    parent: Weak<Node>,
    /// The name of an unchanged file of a layer; nothing for all others.
    unchanged: Option<Box<[u8]>>,
    /// By which layer file this file's other names find it.
    linked: Option<(u64, u64)>,
    /// Made with `O_TMPFILE`, so that the first name may come later.
    may_be_linked: bool,
    inode: Option<Charge>,
}

/// A file of a layer that has several names there.
pub(super) enum Linked {
    /// Nobody changed it: it can be made again.
    Unchanged(Weak<Node>),
    /// It was changed: every name must find it.
    Kept(Arc<Node>),
}

impl Linked {
    fn node(&self) -> Option<Arc<Node>> {
        match self {
            Self::Unchanged(node) => node.upgrade(),
            Self::Kept(node) => Some(Arc::clone(node)),
        }
    }
}

impl Node {
    /// A new file. Its inode's charge is `charge`.
    pub(super) fn new(
        shared: &Arc<Shared>,
        node: NewNode<'_>,
        owner: &NewOwner,
        charge: Option<Charge>,
    ) -> Arc<Self> {
        let kind = node.file_type();
        let (body, nlink, rdev) = match node {
            NewNode::Regular => (Body::Regular(Content::default()), 1, 0),
            NewNode::Directory => (Body::Directory(Box::default()), 2, 0),
            NewNode::Symlink(target) => (Body::Symlink(target.into()), 1, 0),
            NewNode::Fifo | NewNode::Socket => (Body::Special, 1, 0),
            NewNode::Device(_, device) => (Body::Special, 1, device.encode()),
        };
        let attributes = Attributes::new(owner, nlink, rdev, shared.now());
        let place = Place {
            inode: charge,
            ..Place::default()
        };
        Self::make(shared, shared.next_ino(), kind, attributes, body, place)
    }

    fn make(
        shared: &Arc<Shared>,
        ino: u64,
        kind: FileType,
        attributes: Attributes,
        body: Body,
        place: Place,
    ) -> Arc<Self> {
        let attachment = matches!(kind, FileType::Fifo | FileType::Socket).then(Box::default);
        Arc::new_cyclic(|this| Self {
            shared: Arc::clone(shared),
            this: Weak::clone(this),
            ino,
            kind,
            state: RwLock::new(State {
                attributes,
                body,
                bytes: None,
            }),
            place: Mutex::new(place),
            attachment,
        })
    }

    /// The top directory over layers.
    pub(super) fn of_root(
        shared: &Arc<Shared>,
        top: &Arc<dyn Inode>,
        layers: Layers,
    ) -> SysResult<Arc<Self>> {
        let attributes = Attributes::copied(&top.stat()?);
        let body = Body::Directory(Box::new(Directory::over(layers)));
        Ok(Self::make(
            shared,
            shared.next_ino(),
            FileType::Directory,
            attributes,
            body,
            Place::default(),
        ))
    }

    /// A file found in a layer. Called with the directory's lock held.
    pub(super) fn of_layer(
        shared: &Arc<Shared>,
        found: Found,
        parent: &Self,
        name: &[u8],
    ) -> SysResult<Arc<Self>> {
        let Found { inode, ino, below } = found;
        let stat = inode.stat()?;
        let kind = inode.file_type();
        let has_more_names = kind != FileType::Directory && stat.nlink > 1;
        let linked = has_more_names.then_some((stat.dev, ino));
        let mut table = linked.map(|_| shared.linked.lock());
        if let (Some(table), Some(key)) = (&table, &linked)
            && let Some(node) = table.get(key).and_then(Linked::node)
        {
            return Ok(node);
        }
        let attributes = Attributes::copied(&stat);
        let body = match kind {
            FileType::Regular => Body::Below(inode),
            FileType::Directory => {
                Body::Directory(Box::new(Directory::over(below.unwrap_or_default())))
            }
            FileType::Symlink => Body::Symlink(inode.read_link()?.into()),
            _ => Body::Special,
        };
        let unchanged = (kind != FileType::Directory).then(|| name.into());
        let place = Place {
            parent: Weak::clone(&parent.this),
            unchanged,
            linked,
            ..Place::default()
        };
        let made = Self::make(shared, ino, kind, attributes, body, place);
        if let (Some(table), Some(key)) = (&mut table, linked) {
            table.insert(key, Linked::Unchanged(Arc::downgrade(&made)));
        }
        Ok(made)
    }

    /// A file like this one in a snapshot, where nobody is charged for it. A directory's entries are left out.
    pub(super) fn copied(&self, shared: &Arc<Shared>) -> Arc<Self> {
        let state = self.state.read();
        let attributes = state.attributes;
        let body = match &state.body {
            Body::Regular(content) => Body::Regular(content.clone()),
            Body::Below(below) => Body::Below(Arc::clone(below)),
            Body::Directory(_) => Body::Directory(Box::default()),
            Body::Symlink(target) => Body::Symlink(target.clone()),
            Body::Special => Body::Special,
        };
        drop(state);
        let linked = self.place.lock().linked;
        let place = Place {
            linked,
            ..Place::default()
        };
        let copy = Self::make(shared, self.ino, self.kind, attributes, body, place);
        if let Some(key) = linked {
            shared
                .linked
                .lock()
                .insert(key, Linked::Kept(Arc::clone(&copy)));
        }
        copy
    }

    /// Gives a copied directory its entries.
    pub(super) fn fill(&self, directory: Directory) {
        self.state.write().body = Body::Directory(Box::new(directory));
    }

    pub(super) fn is_directory(&self) -> bool {
        self.kind == FileType::Directory
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

    pub(super) fn state(&self) -> &RwLock<State> {
        &self.state
    }

    pub(super) fn parent(&self) -> Option<Arc<Self>> {
        self.place.lock().parent.upgrade()
    }

    pub(super) fn set_parent(&self, parent: &Self) {
        self.place.lock().parent = Weak::clone(&parent.this);
    }

    fn this(&self) -> Arc<Self> {
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

    pub(super) fn with_directory<T>(&self, look: impl FnOnce(&Directory) -> T) -> SysResult<T> {
        match &self.state.read().body {
            Body::Directory(directory) => Ok(look(directory)),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    /// As `with_directory`, for what the directory keeps for itself.
    pub(super) fn change_directory<T>(
        &self,
        change: impl FnOnce(&mut Directory) -> SysResult<T>,
    ) -> SysResult<T> {
        change(self.state.write().directory()?)
    }

    /// Makes sure that changes to this file last: an unchanged file of a layer becomes an entry of its directory.
    /// Must be called without any lock of a node.
    pub(super) fn keep(&self) -> SysResult {
        let (name, parent) = {
            let place = self.place.lock();
            match &place.unchanged {
                None => return Ok(()),
                Some(name) => (name.clone(), place.parent.upgrade()),
            }
        };
        let this = self.this();
        if let Some(parent) = parent {
            let charge = self.shared.charge_inode()?;
            let mut state = parent.state.write();
            let is_kept = state
                .directory()
                .is_ok_and(|directory| directory.keep(&name, &this));
            let mut place = self.place.lock();
            place.unchanged = None;
            if is_kept || place.linked.is_some() {
                place.inode.get_or_insert(charge);
            }
            drop(place);
            drop(state);
        }
        let linked = self.place.lock().linked;
        if let Some(key) = linked {
            self.shared.linked.lock().insert(key, Linked::Kept(this));
        }
        Ok(())
    }

    /// This file is about to be an entry somewhere else than its layer says. Called with directories' locks held.
    pub(super) fn keep_elsewhere(&self) -> SysResult {
        let mut place = self.place.lock();
        if place.unchanged.is_none() {
            return Ok(());
        }
        if place.inode.is_none() {
            place.inode = Some(self.shared.charge_inode()?);
        }
        place.unchanged = None;
        let linked = place.linked;
        drop(place);
        if let Some(key) = linked {
            self.shared
                .linked
                .lock()
                .insert(key, Linked::Kept(self.this()));
        }
        Ok(())
    }

    /// A name is gone. Called with the directory's lock held, after the entry was removed.
    pub(super) fn lose_name(&self) {
        let now = self.shared.now();
        let mut state = self.state.write();
        state.attributes.nlink = state.attributes.nlink.saturating_sub(1);
        state.attributes.changed(now);
        let is_last = state.attributes.nlink == 0;
        drop(state);
        let mut place = self.place.lock();
        place.unchanged = None;
        let linked = if is_last {
            place.linked.take()
        } else {
            place.linked
        };
        drop(place);
        if let Some(key) = linked {
            let mut table = self.shared.linked.lock();
            // How many names are left is a change too: those left must find this node.
            let before = if is_last {
                table.remove(&key)
            } else {
                table.insert(key, Linked::Kept(self.this()))
            };
            drop(table);
            drop(before);
        }
    }

    /// Copies the content up from the layer, if it is still there.
    fn copy_up<'a>(
        &self,
        state: &'a mut State,
    ) -> SysResult<(&'a mut Attributes, &'a mut Content, &'a mut Option<Charge>)> {
        if let Body::Below(below) = &state.body {
            let below = Arc::clone(below);
            let mut content = Content::default();
            let mut bytes = None;
            let mut buf = vec![0; CHUNK];
            loop {
                let at = content.size();
                let count = below.read_at(at, &mut buf)?;
                let Some(piece) = buf.get(..count).filter(|piece| !piece.is_empty()) else {
                    break;
                };
                self.shared.write(&mut content, &mut bytes, at, piece)?;
            }
            state.body = Body::Regular(content);
            state.bytes = bytes;
        }
        match &mut state.body {
            Body::Regular(content) => Ok((&mut state.attributes, content, &mut state.bytes)),
            Body::Directory(_) => Err(Errno::EISDIR.into()),
            Body::Below(_) | Body::Symlink(_) | Body::Special => Err(Errno::EINVAL.into()),
        }
    }

    fn resize(&self, state: &mut State, size: u64) -> SysResult {
        if size > MAX_SIZE {
            return Err(Errno::EFBIG.into());
        }
        if size == 0 && matches!(state.body, Body::Below(_)) {
            state.body = Body::Regular(Content::default());
        }
        let now = self.shared.now();
        let (attributes, content, bytes) = self.copy_up(state)?;
        content.resize(size);
        attributes.modified(now);
        self.shared.charge_bytes(bytes, content.stored())
    }

    fn write_locked(&self, state: &mut State, offset: u64, buf: &[u8]) -> SysResult<usize> {
        let room = usize::try_from(MAX_SIZE.saturating_sub(offset)).unwrap_or(usize::MAX);
        if room == 0 && !buf.is_empty() {
            return Err(Errno::EFBIG.into());
        }
        let buf = buf.get(..room).unwrap_or(buf);
        let now = self.shared.now();
        let (attributes, content, bytes) = self.copy_up(state)?;
        if buf.is_empty() {
            return Ok(0);
        }
        let written = self.shared.write(content, bytes, offset, buf)?;
        attributes.modified(now);
        Ok(written)
    }

    fn child(&self, name: &[u8]) -> SysResult<Arc<Self>> {
        if let Some(answer) = self.with_directory(|directory| directory.peek(name))? {
            return answer;
        }
        self.state.write().directory()?.find(self, name)
    }

    /// Adds an entry that was looked for before, and charges for its name.
    pub(super) fn add_entry(&self, state: &mut State, name: &[u8], node: Arc<Self>) -> SysResult {
        let charged = state.bytes.as_ref().map_or(0, Charge::amount);
        let is_directory = node.kind == FileType::Directory;
        self.shared
            .charge_bytes(&mut state.bytes, charged + entry_cost(name))?;
        state.directory()?.insert(name, node)?;
        if is_directory {
            state.attributes.nlink += 1;
        }
        state.attributes.modified(self.shared.now());
        Ok(())
    }

    /// Removes an entry that was found before, and what was charged for its name.
    pub(super) fn remove_entry(&self, state: &mut State, name: &[u8], kind: FileType) -> SysResult {
        if state.directory()?.remove(name) {
            let charged = state.bytes.as_ref().map_or(0, Charge::amount);
            self.shared
                .charge_bytes(&mut state.bytes, charged.saturating_sub(entry_cost(name)))?;
        }
        if kind == FileType::Directory {
            state.attributes.nlink = state.attributes.nlink.saturating_sub(1);
        }
        state.attributes.modified(self.shared.now());
        Ok(())
    }
}

impl Shared {
    /// Writes as much as the machine's limit lets it; at least something, or fails.
    fn write(
        &self,
        content: &mut Content,
        bytes: &mut Option<Charge>,
        offset: u64,
        buf: &[u8],
    ) -> SysResult<usize> {
        let mut done = 0;
        while done < buf.len() {
            let at = offset + done as u64;
            let step = Content::step(at, buf.len() - done);
            let Some(piece) = buf.get(done..done + step) else {
                break;
            };
            match self.charge_bytes(bytes, content.stored_after(at, step)) {
                Ok(()) => content.write_step(at, piece),
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
            done += step;
        }
        Ok(done)
    }
}

impl State {
    pub(super) fn directory(&mut self) -> SysResult<&mut Directory> {
        match &mut self.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    /// Checks that entries can be made: the directory was not removed.
    pub(super) fn living_directory(&mut self) -> SysResult<&mut Directory> {
        let directory = self.directory()?;
        if directory.is_dead {
            Err(Errno::ENOENT.into())
        } else {
            Ok(directory)
        }
    }
}

impl Inode for Node {
    fn stat(&self) -> SysResult<Stat> {
        let state = self.state.read();
        let mut stat = state.attributes.stat(self.kind);
        stat.dev = self.shared.device;
        stat.ino = self.ino;
        (stat.size, stat.blocks) = match &state.body {
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
        let charge = self.shared.charge_inode()?;
        let made = Self::new(&self.shared, node, owner, Some(charge));
        if let NewNode::Symlink(target) = node {
            self.shared
                .charge_bytes(&mut made.state.write().bytes, target.len() as u64)?;
        }
        if made.kind == FileType::Directory {
            made.set_parent(self);
        }
        let mut state = self.state.write();
        if state.living_directory()?.has(name)? {
            return Err(Errno::EEXIST.into());
        }
        self.add_entry(&mut state, name, Arc::clone(&made))?;
        drop(state);
        Ok(made)
    }

    fn create_unnamed(&self, owner: &NewOwner) -> SysResult<Arc<dyn Inode>> {
        let charge = self.shared.charge_inode()?;
        let made = Self::new(&self.shared, NewNode::Regular, owner, Some(charge));
        made.state.write().attributes.nlink = 0;
        made.place.lock().may_be_linked = true;
        Ok(made)
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> SysResult {
        let target = self.of(target)?;
        if target.kind == FileType::Directory {
            return Err(Errno::EPERM.into());
        }
        target.keep()?;
        let mut state = self.state.write();
        if state.living_directory()?.has(name)? {
            return Err(Errno::EEXIST.into());
        }
        let mut linked = target.state.write();
        match linked.attributes.nlink {
            0 if !target.place.lock().may_be_linked => return Err(Errno::ENOENT.into()),
            MAX_LINKS.. => return Err(Errno::EMLINK.into()),
            _ => {}
        }
        self.add_entry(&mut state, name, target.this())?;
        linked.attributes.nlink += 1;
        linked.attributes.changed(self.shared.now());
        Ok(())
    }

    fn unlink(&self, name: &[u8]) -> SysResult {
        let mut state = self.state.write();
        let victim = state.directory()?.find(self, name)?;
        if victim.kind == FileType::Directory {
            return Err(Errno::EISDIR.into());
        }
        self.remove_entry(&mut state, name, victim.kind)?;
        victim.lose_name();
        drop(state);
        // The last reference may free much: not under the lock.
        drop(victim);
        Ok(())
    }

    fn rmdir(&self, name: &[u8]) -> SysResult {
        let tree = self.shared.tree.lock();
        let mut state = self.state.write();
        let victim = state.directory()?.find(self, name)?;
        if victim.kind != FileType::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        rename::bury(&victim)?;
        self.remove_entry(&mut state, name, FileType::Directory)?;
        drop(state);
        drop(tree);
        drop(victim);
        Ok(())
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
        let state = self.state.read();
        let wants_atime = !self.shared.is_frozen && state.attributes.wants_atime();
        drop(state);
        if wants_atime {
            self.state.write().attributes.accessed(self.shared.now());
        }
        Ok(())
    }

    fn read_link(&self) -> SysResult<Vec<u8>> {
        match &self.state.read().body {
            Body::Symlink(target) => Ok(target.to_vec()),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn set_attributes(&self, changes: &AttributeChanges) -> SysResult {
        if changes.size.is_some() {
            match self.kind {
                FileType::Regular => {}
                FileType::Directory => return Err(Errno::EISDIR.into()),
                _ => return Err(Errno::EINVAL.into()),
            }
        }
        self.keep()?;
        let mut state = self.state.write();
        if let Some(size) = changes.size {
            self.resize(&mut state, size)?;
        }
        state.attributes.apply(changes, self.shared.now());
        Ok(())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> SysResult<usize> {
        let state = self.state.read();
        let count = match &state.body {
            Body::Regular(content) => content.read(offset, buf),
            Body::Below(below) => return below.read_at(offset, buf),
            Body::Directory(_) => return Err(Errno::EISDIR.into()),
            Body::Symlink(_) | Body::Special => return Err(Errno::EINVAL.into()),
        };
        let wants_atime = !self.shared.is_frozen && state.attributes.wants_atime();
        drop(state);
        if wants_atime {
            self.state.write().attributes.accessed(self.shared.now());
        }
        Ok(count)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> SysResult<usize> {
        self.keep()?;
        self.write_locked(&mut self.state.write(), offset, buf)
    }

    fn append(&self, buf: &[u8]) -> SysResult<(u64, usize)> {
        self.keep()?;
        let mut state = self.state.write();
        let end = self.copy_up(&mut state)?.1.size();
        let written = self.write_locked(&mut state, end, buf)?;
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
        self.keep()?;
        let mut state = self.state.write();
        let now = self.shared.now();
        let (attributes, content, bytes) = self.copy_up(&mut state)?;
        if zeroes {
            content.discard(offset.min(content.size()), end);
            self.shared.charge_bytes(bytes, content.stored())?;
        } else {
            // Memory is not set aside; but what can never fit is refused now.
            drop(self.shared.budget.charge(Resource::FilesystemBytes, len)?);
        }
        if !keeps_size && end > content.size() {
            content.resize(end);
        }
        attributes.modified(now);
        Ok(())
    }

    fn seek_data(&self, offset: u64, whence: Whence) -> SysResult<u64> {
        match &self.state.read().body {
            Body::Regular(content) => content.seek(offset, whence),
            Body::Below(below) => below.seek_data(offset, whence),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn attachment(&self) -> Option<&Attachment> {
        self.attachment.as_deref()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn content_digest(&self) -> Option<[u8; 32]> {
        match &self.state.read().body {
            Body::Below(below) => below.content_digest(),
            _ => None,
        }
    }

    fn shared_bytes(&self) -> Option<Arc<[u8]>> {
        let state = self.state.read();
        let Body::Below(below) = &state.body else {
            return None;
        };
        let below = Arc::clone(below);
        drop(state);
        // Unpacking may take a while: not under the lock.
        below.shared_bytes()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A tree of directories may be very deep: let go of them one after another, not recursively.
        let mut pending: Vec<Arc<Self>> = self.take_children();
        while let Some(node) = pending.pop() {
            if let Some(mut last) = Arc::into_inner(node) {
                pending.append(&mut last.take_children());
            }
        }
    }
}

impl Node {
    fn take_children(&mut self) -> Vec<Arc<Self>> {
        match &mut self.state.get_mut().body {
            Body::Directory(directory) => directory.take_nodes().collect(),
            _ => Vec::new(),
        }
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
