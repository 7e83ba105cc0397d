//! Names in the tree: [`Dentry`], a name that somebody holds, and [`Location`], a dentry on a mount.
//!
//! A dentry lives as long as an open file, a working directory, a mount point or a dentry below it needs it; parents
//! know their children weakly, so this is no cache and cannot grow. What a name means is asked of the filesystem
//! every time; the dentry adds identity (where mounts hang, which path `getcwd` shows after a rename).
//!
//! Lock order: `Tree::renames` (held while the filesystem looks a name up, unless that may take long), then `Dentry::children`, then
//! `Dentry::place`. A dentry may die wherever its last `Arc` is dropped and then takes its parent's `children`: no
//! `Arc<Dentry>` is dropped under a `children` lock.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_base::SysResult;
use parking_lot::{Mutex, RwLock};

use crate::file::lock::LockTable;
use crate::inode::Inode;
use crate::mount::Mount;
use crate::watch::{Change, ChangeKind, Watches};

/// What all dentries of one mounted filesystem share.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Held for writing by a rename, for reading by who climbs towards the root.
    pub(crate) renames: RwLock<()>,
    pub(crate) watches: Watches,
    pub(crate) locks: LockTable,
}

/// A name in a directory, and the file it names.
pub struct Dentry {
    inode: Arc<dyn Inode>,
    tree: Arc<Tree>,
    place: RwLock<Place>,
    children: Mutex<HashMap<Box<[u8]>, Weak<Dentry>>>,
    /// How many mounts hang here.
    mounts: AtomicU32,
}

struct Place {
    parent: Option<Arc<Dentry>>,
    name: Box<[u8]>,
    is_deleted: bool,
}

/// Whether two handles are of the same file.
#[must_use]
pub fn same_inode(one: &Arc<dyn Inode>, other: &Arc<dyn Inode>) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
}

impl Dentry {
    /// The top of a tree of its own.
    pub(crate) fn new_root(inode: Arc<dyn Inode>, name: &[u8]) -> Arc<Self> {
        Self::new(
            inode,
            Arc::default(),
            Place {
                parent: None,
                name: name.into(),
                is_deleted: false,
            },
        )
    }

    fn new(inode: Arc<dyn Inode>, tree: Arc<Tree>, place: Place) -> Arc<Self> {
        Arc::new(Self {
            inode,
            tree,
            place: RwLock::new(place),
            children: Mutex::default(),
            mounts: AtomicU32::new(0),
        })
    }

    /// The file.
    #[must_use]
    pub fn inode(&self) -> &Arc<dyn Inode> {
        &self.inode
    }

    pub(crate) fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    pub(crate) fn parent(&self) -> Option<Arc<Self>> {
        self.place.read().parent.clone()
    }

    /// The name in the parent directory.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        self.place.read().name.to_vec()
    }

    /// Whether the name was removed while somebody held it.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.place.read().is_deleted
    }

    pub(crate) fn is_mountpoint(&self) -> bool {
        self.mounts.load(Ordering::Acquire) > 0
    }

    pub(crate) fn mount_added(&self) {
        self.mounts.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn mount_removed(&self) {
        self.mounts.fetch_sub(1, Ordering::AcqRel);
    }

    /// The child of this name that somebody holds, unchecked against the filesystem.
    pub(crate) fn live_child(&self, name: &[u8]) -> Option<Arc<Self>> {
        self.children.lock().get(name).and_then(Weak::upgrade)
    }

    /// Looks a name up in the filesystem and answers its dentry, the held one if it still names the same file.
    pub(crate) fn look_up(self: &Arc<Self>, name: &[u8]) -> SysResult<Arc<Self>> {
        // No rename may come between what the filesystem says and the dentry. `children` is not held meanwhile: a
        // filesystem that shows processes may drop the last of an open file in here.
        let renames = (!self.inode.is_slow()).then(|| self.tree.renames.read_recursive());
        if let Some(covered) = self.live_child(name).filter(|child| child.is_mountpoint()) {
            return Ok(covered);
        }
        let inode = self.inode.lookup(name)?;
        // Declared before the guard, so that it is dropped after it.
        let live;
        let mut children = self.children.lock();
        live = children.get(name).and_then(Weak::upgrade);
        if let Some(live) = live.as_ref().filter(|live| same_inode(&live.inode, &inode)) {
            return Ok(Arc::clone(live));
        }
        let place = Place {
            parent: Some(Arc::clone(self)),
            name: name.into(),
            is_deleted: false,
        };
        let made = Self::new(inode, Arc::clone(&self.tree), place);
        children.insert(name.into(), Arc::downgrade(&made));
        drop(children);
        drop(renames);
        Ok(made)
    }

    /// A dentry of a file that has no name in this directory (any more).
    pub(crate) fn unattached(self: &Arc<Self>, inode: Arc<dyn Inode>, name: &[u8]) -> Arc<Self> {
        let place = Place {
            parent: Some(Arc::clone(self)),
            name: name.into(),
            is_deleted: true,
        };
        Self::new(inode, Arc::clone(&self.tree), place)
    }

    /// The name of `victim` was removed from the filesystem: whoever holds the child learns it.
    pub(crate) fn child_removed(&self, name: &[u8], victim: &Arc<dyn Inode>) {
        // The name may mean a new file by now: that one stays.
        if let Some(live) = self
            .live_child(name)
            .filter(|live| same_inode(&live.inode, victim))
        {
            live.place.write().is_deleted = true;
            drop(self.take_child(name));
        }
    }

    /// `from` of this directory became `to` of `to_dir`, in the place of `replaced`. Call with `Tree::renames` held
    /// for writing.
    pub(crate) fn child_moved(
        self: &Arc<Self>,
        from: &[u8],
        to_dir: &Arc<Self>,
        to: &[u8],
        replaced: Option<&Arc<dyn Inode>>,
    ) {
        if let Some(replaced) = replaced {
            to_dir.child_removed(to, replaced);
        }
        if let Some(moved) = self.take_child(from) {
            moved.settle_at(to_dir, to);
        }
    }

    /// `one` of this directory and `other` of `other_dir` changed places. Call with `Tree::renames` held for writing.
    pub(crate) fn children_exchanged(
        self: &Arc<Self>,
        one: &[u8],
        other_dir: &Arc<Self>,
        other: &[u8],
    ) {
        let first = self.take_child(one);
        let second = other_dir.take_child(other);
        if let Some(first) = &first {
            first.settle_at(other_dir, other);
        }
        if let Some(second) = &second {
            second.settle_at(self, one);
        }
    }

    fn take_child(&self, name: &[u8]) -> Option<Arc<Self>> {
        let taken = self.children.lock().remove(name);
        taken.and_then(|child| child.upgrade())
    }

    fn settle_at(self: &Arc<Self>, directory: &Arc<Self>, name: &[u8]) {
        // What was looked up meanwhile under this name is the same file, found by someone quicker: it may stay in
        // use, but this dentry is the one that holds the mounts and the working directories.
        directory
            .children
            .lock()
            .insert(name.into(), Arc::downgrade(self));
        let mut place = self.place.write();
        let left = place.parent.replace(Arc::clone(directory));
        place.name = name.into();
        place.is_deleted = false;
        drop(place);
        drop(left);
    }

    /// Leaves the parent; answers it.
    fn detach(&mut self) -> Option<Arc<Self>> {
        let address: *const Self = self;
        let place = self.place.get_mut();
        let parent = place.parent.take()?;
        let mut siblings = parent.children.lock();
        if siblings
            .get(&place.name)
            .is_some_and(|held| std::ptr::eq(held.as_ptr(), address))
        {
            siblings.remove(&place.name);
        }
        drop(siblings);
        Some(parent)
    }
}

impl Drop for Dentry {
    fn drop(&mut self) {
        // A chain of directories may be very deep: let go of the ancestors one after another, not recursively.
        let mut next = self.detach();
        while let Some(parent) = next {
            next = Arc::into_inner(parent).and_then(|mut last| last.forget_parent());
        }
    }
}

impl Dentry {
    /// As `detach`, for a dentry moved out of its `Arc`: the parent's entry is dead by then, whatever its address.
    fn forget_parent(&mut self) -> Option<Arc<Self>> {
        let place = self.place.get_mut();
        let parent = place.parent.take()?;
        let mut siblings = parent.children.lock();
        if siblings
            .get(&place.name)
            .is_some_and(|held| held.strong_count() == 0)
        {
            siblings.remove(&place.name);
        }
        drop(siblings);
        Some(parent)
    }
}

impl fmt::Debug for Dentry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dentry({:?})", String::from_utf8_lossy(&self.name()))
    }
}

/// One place in a machine's tree of files: a name on a mount. It keeps both, and the file, in being.
#[derive(Clone)]
pub struct Location {
    mount: Arc<Mount>,
    dentry: Arc<Dentry>,
}

impl Location {
    pub(crate) fn new(mount: Arc<Mount>, dentry: Arc<Dentry>) -> Self {
        Self { mount, dentry }
    }

    /// A place outside every tree, for a file that has no path (a pipe, a memory file). `name` is what `path_from` shows.
    #[must_use]
    pub fn anonymous(inode: Arc<dyn Inode>, name: &[u8]) -> Self {
        let mount = Mount::anonymous(inode, name);
        let dentry = Arc::clone(mount.root());
        Self { mount, dentry }
    }

    /// A place for a file of this place's filesystem that has no name (`O_TMPFILE`).
    #[must_use]
    pub fn unattached(&self, inode: Arc<dyn Inode>, name: &[u8]) -> Self {
        Self {
            mount: Arc::clone(&self.mount),
            dentry: self.dentry.unattached(inode, name),
        }
    }

    /// The file.
    #[must_use]
    pub fn inode(&self) -> &Arc<dyn Inode> {
        self.dentry.inode()
    }

    /// The mount.
    #[must_use]
    pub fn mount(&self) -> &Arc<Mount> {
        &self.mount
    }

    /// The name.
    #[must_use]
    pub fn dentry(&self) -> &Arc<Dentry> {
        &self.dentry
    }

    /// Whether both are the same name on the same mount.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.mount, &other.mount) && Arc::ptr_eq(&self.dentry, &other.dentry)
    }

    /// Whether this is the top of its mount.
    #[must_use]
    pub fn is_mount_root(&self) -> bool {
        Arc::ptr_eq(self.mount.root(), &self.dentry)
    }

    /// Whether the name was removed.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.dentry.is_deleted()
    }

    /// Where `..` leads: not above `root`, across mounts.
    #[must_use]
    pub fn parent(&self, root: &Self) -> Self {
        let mut at = self.clone();
        while !at.is_same(root) {
            if at.is_mount_root() {
                match at.mount.parent() {
                    Some(under) => at = under,
                    None => return at,
                }
            } else {
                return match at.dentry.parent() {
                    Some(dentry) => Self {
                        mount: at.mount,
                        dentry,
                    }
                    .top(),
                    None => at,
                };
            }
        }
        at.top()
    }

    /// The root of the topmost mount over this place, or the place itself.
    #[must_use]
    pub fn top(self) -> Self {
        let mut at = self;
        while at.dentry.is_mountpoint() {
            match at.mount.child_at(&at.dentry) {
                Some(mount) => {
                    at = Self {
                        dentry: Arc::clone(mount.root()),
                        mount,
                    }
                }
                None => break,
            }
        }
        at
    }

    /// The path by which `root` leads here, as `/proc/self/fd` shows it: `(unreachable)` before it where none does,
    /// ` (deleted)` after it where the name was removed.
    #[must_use]
    pub fn path_from(&self, root: &Self) -> Vec<u8> {
        let (mut path, is_reachable) = self.climb(root);
        if !is_reachable && self.mount.filesystem().is_some() && path.first() == Some(&b'/') {
            path.splice(0..0, *b"(unreachable)");
        }
        if self.is_deleted() {
            path.extend_from_slice(b" (deleted)");
        }
        path
    }

    /// The path by which `root` leads here.
    ///
    /// # Errors
    /// `ENOENT`: the name was removed, or `root` does not lead here.
    pub fn path_if_reachable(&self, root: &Self) -> SysResult<Vec<u8>> {
        match self.climb(root) {
            (path, true) if !self.is_deleted() => Ok(path),
            _ => Err(Errno::ENOENT.into()),
        }
    }

    /// The path, and whether it starts at `root`. A file outside every tree has its name for a path.
    fn climb(&self, root: &Self) -> (Vec<u8>, bool) {
        let mut names: Vec<Box<[u8]>> = Vec::new();
        let mut at = self.clone();
        let is_reachable = loop {
            if at.is_same(root) {
                break true;
            }
            if at.is_mount_root() {
                if let Some(under) = at.mount.parent() {
                    at = under;
                    continue;
                }
                let name = at.dentry.name();
                if names.is_empty() && !name.is_empty() {
                    return (name, false);
                }
                break false;
            }
            at = at.climb_within(root, &mut names);
        };
        if names.is_empty() {
            return (b"/".to_vec(), is_reachable);
        }
        let mut path = Vec::with_capacity(names.iter().map(|name| name.len() + 1).sum());
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        (path, is_reachable)
    }

    /// Climbs to the top of the mount, or to `root` below it, while no rename can interfere.
    fn climb_within(&self, root: &Self, names: &mut Vec<Box<[u8]>>) -> Self {
        let tree = Arc::clone(self.dentry.tree());
        let mut passed = Vec::new();
        let mut at = self.clone();
        let renames = tree.renames.read_recursive();
        while !at.is_mount_root() && !at.is_same(root) {
            let place = at.dentry.place.read();
            let Some(parent) = place.parent.clone() else {
                break;
            };
            names.push(place.name.clone());
            drop(place);
            passed.push(std::mem::replace(&mut at.dentry, parent));
        }
        drop(renames);
        drop(passed);
        at
    }

    /// Tells who watches this file, or the directory it is in, of a change of it.
    pub fn changed(&self, kind: ChangeKind) {
        let watches = &self.dentry.tree.watches;
        if watches.is_empty() {
            return;
        }
        let is_directory = self.inode().file_type() == cenote_abi::fs::FileType::Directory;
        watches.tell(
            self.inode(),
            &Change {
                kind,
                name: None,
                is_directory,
                cookie: 0,
            },
        );
        let (parent, name) = {
            let place = self.dentry.place.read();
            (
                place.parent.clone().filter(|_| !place.is_deleted),
                place.name.clone(),
            )
        };
        if let Some(parent) = parent {
            watches.tell(
                &parent.inode,
                &Change {
                    kind,
                    name: Some(&name),
                    is_directory,
                    cookie: 0,
                },
            );
        }
    }

    /// Tells who watches this directory of a change of its entry `name`.
    pub(crate) fn entry_changed(&self, change: &Change<'_>) {
        let watches = &self.dentry.tree.watches;
        if !watches.is_empty() {
            watches.tell(self.inode(), change);
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Location({:?} on mount {})",
            String::from_utf8_lossy(&self.dentry.name()),
            self.mount.id()
        )
    }
}
