//! Change events: who watches a file or directory is told what the verbs did to it.
//!
//! The hook under inotify and `fs.watch`. [`Location::watch`] registers a [`WatchObserver`] with an inode of a mounted
//! filesystem; the verbs in [`ops`](crate::ops) and [`OpenFile`](crate::OpenFile) tell it. Changes that do not pass the
//! tree (by the host, in a `hostdir`) are not seen.
//!
//! Lock order: `Watches::table` is a leaf; observers are told after it is released. Follows inotify(7).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use cenote_base::SysResult;
use parking_lot::Mutex;

use crate::dentry::{Location, Tree};
use crate::inode::Inode;

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum ChangeKind {
    /// An entry was made.
    Created,
    /// An entry was removed.
    Deleted,
    /// An entry left by a rename; [`Change::cookie`] is that of its arrival.
    MovedFrom,
    /// An entry arrived by a rename.
    MovedTo,
    /// Content was written or cut.
    Modified,
    /// Content was read.
    Accessed,
    /// Attributes changed.
    Attributes,
    /// The file was opened.
    Opened,
    /// The last descriptor of an open file that could be written was closed.
    ClosedWritten,
    /// The last descriptor of an open file that could not be written was closed.
    ClosedUnwritten,
    /// The watched file itself lost a name.
    DeletedSelf,
    /// The watched file itself was moved.
    MovedSelf,
}

/// One change.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// What happened.
    pub kind: ChangeKind,
    /// The entry, when a directory is watched and the change is of something in it.
    pub name: Option<&'a [u8]>,
    /// Whether what changed is a directory.
    pub is_directory: bool,
    /// The same for the two halves of a rename, else 0.
    pub cookie: u32,
}

/// Someone who is told of changes. Must not block or call back into the tree.
pub trait WatchObserver: Send + Sync {
    /// Tells of one change.
    fn changed(&self, change: &Change<'_>);
}

type Key = (u64, u64);
type Observers = Vec<(u64, Arc<dyn WatchObserver>)>;

/// Who watches which inode of one mounted filesystem.
#[derive(Default)]
pub(crate) struct Watches {
    /// How many watches there are, so that an unwatched tree pays one load.
    len: AtomicUsize,
    table: Mutex<HashMap<Key, Observers>>,
}

fn key_of(inode: &Arc<dyn Inode>) -> SysResult<Key> {
    let stat = inode.stat()?;
    Ok((stat.dev, stat.ino))
}

impl Watches {
    pub(crate) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Acquire) == 0
    }

    pub(crate) fn tell(&self, inode: &Arc<dyn Inode>, change: &Change<'_>) {
        let Ok(key) = key_of(inode) else { return };
        let observers: Vec<Arc<dyn WatchObserver>> = match self.table.lock().get(&key) {
            Some(observers) => observers
                .iter()
                .map(|(_, observer)| Arc::clone(observer))
                .collect(),
            None => return,
        };
        for observer in observers {
            observer.changed(change);
        }
    }
}

impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watches({})", self.len.load(Ordering::Relaxed))
    }
}

/// A number that marks the two halves of one rename.
pub(crate) fn next_cookie() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed).max(1)
}

impl Location {
    /// Tells `observer` of changes to this file, and, for a directory, to its entries, until the guard is dropped.
    ///
    /// # Errors
    /// Those of `stat`.
    pub fn watch(&self, observer: Arc<dyn WatchObserver>) -> SysResult<Watch> {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let key = key_of(self.inode())?;
        let id = NEXT.fetch_add(1, Ordering::Relaxed) as u64;
        let tree = Arc::clone(self.dentry().tree());
        let mut table = tree.watches.table.lock();
        table.entry(key).or_default().push((id, observer));
        tree.watches.len.fetch_add(1, Ordering::AcqRel);
        drop(table);
        Ok(Watch {
            tree,
            key,
            id,
            _inode: Arc::clone(self.inode()),
        })
    }
}

/// A registered watch; dropping it ends it.
pub struct Watch {
    tree: Arc<Tree>,
    key: Key,
    id: u64,
    /// Kept, so that the number is not given to another file.
    _inode: Arc<dyn Inode>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut table = self.tree.watches.table.lock();
        let mut removed = None;
        if let Some(observers) = table.get_mut(&self.key) {
            if let Some(index) = observers.iter().position(|(id, _)| *id == self.id) {
                removed = Some(observers.swap_remove(index));
                self.tree.watches.len.fetch_sub(1, Ordering::AcqRel);
            }
            if observers.is_empty() {
                table.remove(&self.key);
            }
        }
        drop(table);
        drop(removed);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch({:?})", self.key)
    }
}
