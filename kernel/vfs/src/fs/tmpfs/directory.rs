//! The entries of a directory: [`Directory`], with what is below it in an overlay.
//!
//! A name means its entry; else nothing, if it is noted as gone; else what the layers below say. An entry over a layer's name leaves
//! such a note when it is removed, so that the layer's file does not come back.
//!
//! Reading a directory first tells the entries without a name below, in the order they were made (cursor: their
//! number), then the names of the layers, in the layers' order (cursor: how many came before, marked by [`BELOW`]). Both
//! orders hold whatever happens in between, so nothing is told twice or left out.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use cenote_abi::Errno;
use cenote_abi::fs::FileType;
use cenote_base::SysResult;
use smallvec::SmallVec;

use super::node::Node;
use super::trie::Trie;
use crate::fs::overlay::{Found, Layers};
use crate::inode::DirEntry;

/// The cursor bit of a layer's names.
const BELOW: u64 = 1 << 60;
/// How many entries are told between two takings of the lock.
const BATCH: usize = 64;
/// What an entry costs besides its name.
const ENTRY_COST: u64 = 64;

/// The entries of a directory. Copies share them until one side changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    /// By the name's hash, which is the same in all filesystems of this OS process.
    by_name: Trie<SmallVec<[Named; 1]>>,
    /// Names that are in no layer below, by the order they were made in.
    by_order: Trie<Arc<[u8]>>,
    last_order: u64,
    /// How many names have an entry.
    count: u64,
    layers: Option<Layers>,
    /// The number of the directory it is in; 0 for the top.
    pub(super) parent: u64,
    /// Removed: nothing can be made in it any more.
    pub(super) is_dead: bool,
}

/// A name that something is known of.
#[derive(Clone, Debug)]
struct Named {
    name: Arc<[u8]>,
    /// Nothing for a layer's name that is gone.
    entry: Option<Entry>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) ino: u64,
    pub(super) kind: FileType,
    /// The place in `by_order`; 0 for a name that a layer has too.
    order: u64,
}

/// Where a name was found.
pub(super) enum Place {
    Own(Entry),
    Below(Found),
}

impl Place {
    pub(super) fn ino(&self) -> u64 {
        match self {
            Self::Own(entry) => entry.ino,
            Self::Below(found) => found.ino,
        }
    }
}

/// What an entry's name costs.
pub(super) fn entry_cost(name: &[u8]) -> u64 {
    name.len() as u64 + ENTRY_COST
}

/// The number a name is found by. Guests cannot know it, so they cannot make many names share one.
fn hash(name: &[u8]) -> u64 {
    static HASHER: OnceLock<RandomState> = OnceLock::new();
    HASHER.get_or_init(RandomState::new).hash_one(name)
}

/// An entry copied out, to be told without the lock.
#[derive(Clone, Debug)]
pub(super) struct Told {
    name: Arc<[u8]>,
    ino: u64,
    file_type: FileType,
    next_cursor: u64,
}

impl Directory {
    pub(super) fn new(parent: u64) -> Self {
        Self {
            parent,
            ..Self::default()
        }
    }

    pub(super) fn over(layers: Layers, parent: u64) -> Self {
        Self {
            layers: Some(layers),
            ..Self::new(parent)
        }
    }

    fn named(&self, name: &[u8]) -> Option<&Named> {
        let bucket = self.by_name.get(hash(name))?;
        bucket.iter().find(|named| *named.name == *name)
    }

    fn set(&mut self, name: Arc<[u8]>, entry: Option<Entry>) {
        let key = hash(&name);
        let Some(bucket) = self.by_name.get_mut(key) else {
            self.by_name
                .insert(key, SmallVec::from_iter([Named { name, entry }]));
            return;
        };
        match bucket.iter_mut().find(|named| named.name == name) {
            Some(named) => named.entry = entry,
            None => bucket.push(Named { name, entry }),
        }
    }

    fn forget(&mut self, name: &[u8]) {
        let key = hash(name);
        let is_last = match self.by_name.get_mut(key) {
            Some(bucket) => {
                bucket.retain(|named| *named.name != *name);
                bucket.is_empty()
            }
            None => false,
        };
        if is_last {
            self.by_name.remove(key);
        }
    }

    /// Whether a name means something else than in the layers.
    pub(super) fn knows(&self, name: &[u8]) -> bool {
        self.named(name).is_some()
    }

    /// Finds a name here or in the layers.
    pub(super) fn find(&self, name: &[u8]) -> SysResult<Place> {
        match (self.named(name), &self.layers) {
            (
                Some(Named {
                    entry: Some(entry), ..
                }),
                _,
            ) => Ok(Place::Own(*entry)),
            (None, Some(layers)) => layers.lookup(name).map(Place::Below),
            _ => Err(Errno::ENOENT.into()),
        }
    }

    /// Adds an entry whose name is free.
    pub(super) fn insert(&mut self, name: &[u8], ino: u64, kind: FileType) -> SysResult {
        let is_below = match (self.named(name), &self.layers) {
            (Some(named), _) => named.entry.as_ref().is_none_or(|entry| entry.order == 0),
            (None, Some(layers)) => is_found(layers.lookup(name).map(drop))?,
            (None, None) => false,
        };
        let name: Arc<[u8]> = name.into();
        let order = if is_below {
            0
        } else {
            self.last_order += 1;
            self.by_order.insert(self.last_order, Arc::clone(&name));
            self.last_order
        };
        self.set(name, Some(Entry { ino, kind, order }));
        self.count += 1;
        Ok(())
    }

    /// Removes a name that was found before; answers whether it was an entry, which had been paid for.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        let Some(Named { name, entry }) = self.named(name).cloned() else {
            self.set(name.into(), None);
            return false;
        };
        let Some(entry) = entry else { return false };
        self.count = self.count.saturating_sub(1);
        if entry.order == 0 {
            self.set(name, None);
        } else {
            self.by_order.remove(entry.order);
            self.forget(&name);
        }
        true
    }

    /// Whether there is no entry at all.
    pub(super) fn is_empty(&self) -> SysResult<bool> {
        if self.count != 0 {
            return Ok(false);
        }
        let Some(layers) = &self.layers else {
            return Ok(true);
        };
        let mut is_empty = true;
        layers.list(&mut |entry| {
            is_empty = self.named(entry.name).is_some();
            is_empty
        })?;
        Ok(is_empty)
    }

    /// Entries without a name below, after a cursor.
    fn own_batch(&self, cursor: u64) -> Vec<Told> {
        let mut batch = Vec::new();
        self.by_order
            .visit_from(cursor.saturating_add(1), &mut |order, name| {
                if let Some(Named {
                    entry: Some(entry), ..
                }) = self.named(name)
                {
                    batch.push(Told {
                        name: Arc::clone(name),
                        ino: entry.ino,
                        file_type: entry.kind,
                        next_cursor: order,
                    });
                }
                batch.len() < BATCH
            });
        batch
    }

    /// Names told by the layers with what the overlay knows of them, without those that are gone.
    fn correct(&self, names: &[Told]) -> Vec<Told> {
        let corrected = |told: &Told| match self.named(&told.name) {
            Some(Named {
                entry: Some(entry), ..
            }) => Some(Told {
                ino: entry.ino,
                file_type: entry.kind,
                ..told.clone()
            }),
            Some(_) => None,
            None => Some(told.clone()),
        };
        names.iter().filter_map(corrected).collect()
    }

    pub(super) fn layers(&self) -> Option<&Layers> {
        self.layers.as_ref()
    }
}

fn is_found(answer: SysResult) -> SysResult<bool> {
    match answer {
        Ok(()) => Ok(true),
        Err(error) if error.errno() == Errno::ENOENT => Ok(false),
        Err(error) => Err(error),
    }
}

/// The names of layers, in their order.
fn listing(layers: &Layers) -> SysResult<Arc<[Told]>> {
    let mut listing = Vec::new();
    layers.list(&mut |entry| {
        let next_cursor = BELOW | (listing.len() as u64 + 1);
        let DirEntry { ino, file_type, .. } = entry;
        listing.push(Told {
            name: entry.name.into(),
            ino,
            file_type,
            next_cursor,
        });
        true
    })?;
    Ok(listing.into())
}

/// Tells the entries of a directory from a cursor on; takes the filesystem's lock for a batch at a time.
pub(super) fn tell(
    node: &Node,
    cursor: u64,
    emit: &mut dyn FnMut(DirEntry<'_>) -> bool,
) -> SysResult {
    let mut tell_all = |batch: Vec<Told>| {
        batch.into_iter().all(
            |Told {
                 name,
                 ino,
                 file_type,
                 next_cursor,
             }| {
                emit(DirEntry {
                    name: &name,
                    ino,
                    file_type,
                    next_cursor,
                })
            },
        )
    };
    let mut cursor = cursor;
    while cursor & BELOW == 0 {
        let batch = node.with_directory(|directory| match directory {
            Some(directory) => directory.own_batch(cursor),
            None => Vec::new(),
        })?;
        match batch.last() {
            Some(last) => cursor = last.next_cursor,
            None => cursor = BELOW,
        }
        if !tell_all(batch) {
            return Ok(());
        }
    }
    let Some(listing) = node.listing(listing)? else {
        return Ok(());
    };
    let mut index = usize::try_from(cursor & !BELOW).unwrap_or(usize::MAX);
    while let Some(batch) = listing.get(index..).filter(|rest| !rest.is_empty()) {
        let batch = batch.get(..BATCH).unwrap_or(batch);
        index += batch.len();
        let batch = node.with_directory(|directory| match directory {
            Some(directory) => directory.correct(batch),
            None => batch.to_vec(),
        })?;
        if !tell_all(batch) {
            return Ok(());
        }
    }
    // Read to its end: whoever lists next may make it again.
    node.forget_listing();
    Ok(())
}
