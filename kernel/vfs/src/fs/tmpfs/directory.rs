//! The entries of a directory: [`Directory`], with what is below it in an overlay.
//!
//! A name means its entry in `by_name`; else nothing, if it is in `gone`; else what the layers below say. An entry over
//! a layer's name keeps that name in `gone`, so that removing the entry does not bring the layer's file back.
//!
//! Reading a directory first tells the entries without a name below, in the order they were made (cursor: their
//! number), then the names of the layers, in the layers' order (cursor: how many came before, marked by [`BELOW`]). Both
//! orders hold whatever happens in between, so nothing is told twice or left out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::fs::FileType;
use cenote_base::SysResult;

use super::node::Node;
use crate::fs::overlay::Layers;
use crate::inode::DirEntry;

/// The cursor bit of a layer's names.
const BELOW: u64 = 1 << 60;
/// How many entries are told between two takings of the lock.
const BATCH: usize = 64;
/// What an entry costs besides its name.
const ENTRY_COST: u64 = 64;

/// The entries of a directory.
#[derive(Debug, Default)]
pub(super) struct Directory {
    by_name: HashMap<Arc<[u8]>, Entry>,
    /// Names that are in no layer below, by the order they were made in.
    by_order: BTreeMap<u64, Arc<[u8]>>,
    last_order: u64,
    below: Option<Box<Below>>,
    /// Removed: nothing can be made in it any more.
    pub(super) is_dead: bool,
}

#[derive(Debug, Default)]
struct Below {
    layers: Layers,
    /// Names of the layers that are hidden.
    gone: HashSet<Box<[u8]>>,
    /// Files of the layers that somebody uses and nobody changed.
    unchanged: HashMap<Box<[u8]>, Weak<Node>>,
    /// The names of the layers, while somebody reads the directory.
    listing: Option<Arc<[Told]>>,
}

#[derive(Debug)]
struct Entry {
    node: Arc<Node>,
    /// The place in `by_order`; 0 for a name that a layer has too.
    order: u64,
    /// Whether the name was paid for: those found in a layer were not.
    is_charged: bool,
}

/// An entry as a copy takes it: name, place in the order, file.
type Copied = (Arc<[u8]>, u64, Arc<Node>);

/// What an entry's name costs.
pub(super) fn entry_cost(name: &[u8]) -> u64 {
    name.len() as u64 + ENTRY_COST
}

/// An entry copied out, to be told without the lock.
#[derive(Clone, Debug)]
struct Told {
    name: Arc<[u8]>,
    ino: u64,
    file_type: FileType,
    next_cursor: u64,
}

impl Directory {
    pub(super) fn over(layers: Layers) -> Self {
        Self {
            below: Some(Box::new(Below {
                layers,
                ..Below::default()
            })),
            ..Self::default()
        }
    }

    /// The file of this name, as far as it needs no new node.
    pub(super) fn peek(&self, name: &[u8]) -> Option<SysResult<Arc<Node>>> {
        if let Some(entry) = self.by_name.get(name) {
            return Some(Ok(Arc::clone(&entry.node)));
        }
        match &self.below {
            Some(below) if !below.gone.contains(name) => {
                below.unchanged.get(name).and_then(Weak::upgrade).map(Ok)
            }
            _ => Some(Err(Errno::ENOENT.into())),
        }
    }

    /// The file of this name, made from the layer's where that is all there is.
    pub(super) fn find(&mut self, own: &Node, name: &[u8]) -> SysResult<Arc<Node>> {
        if let Some(answer) = self.peek(name) {
            return answer;
        }
        let below = self.below.as_mut().ok_or(Errno::ENOENT)?;
        let found = below.layers.lookup(name)?;
        let node = Node::of_layer(own.shared(), found, own, name)?;
        if node.file_kind() == FileType::Directory {
            // Directories stay, so that what is in them has somewhere to be changed in.
            below.gone.insert(name.into());
            self.by_name.insert(
                name.into(),
                Entry {
                    node: Arc::clone(&node),
                    order: 0,
                    is_charged: false,
                },
            );
        } else {
            if below.unchanged.len() == below.unchanged.capacity() {
                below.unchanged.retain(|_, node| node.strong_count() > 0);
            }
            below.unchanged.insert(name.into(), Arc::downgrade(&node));
        }
        Ok(node)
    }

    /// Whether a name is taken, without making a node for it.
    pub(super) fn has(&self, name: &[u8]) -> SysResult<bool> {
        if self.by_name.contains_key(name) {
            return Ok(true);
        }
        match &self.below {
            Some(below) if !below.gone.contains(name) => match below.layers.lookup(name) {
                Ok(_) => Ok(true),
                Err(error) if error.errno() == Errno::ENOENT => Ok(false),
                Err(error) => Err(error),
            },
            _ => Ok(false),
        }
    }

    /// Adds an entry whose name is free.
    pub(super) fn insert(&mut self, name: &[u8], node: Arc<Node>) -> SysResult {
        let is_below = match &mut self.below {
            None => false,
            Some(below) => {
                let is_below = below.gone.contains(name)
                    || match below.layers.lookup(name) {
                        Ok(_) => true,
                        Err(error) if error.errno() == Errno::ENOENT => false,
                        Err(error) => return Err(error),
                    };
                if is_below {
                    below.gone.insert(name.into());
                    below.unchanged.remove(name);
                }
                is_below
            }
        };
        let name: Arc<[u8]> = name.into();
        let order = if is_below {
            0
        } else {
            self.last_order += 1;
            self.by_order.insert(self.last_order, Arc::clone(&name));
            self.last_order
        };
        self.by_name.insert(
            name,
            Entry {
                node,
                order,
                is_charged: true,
            },
        );
        Ok(())
    }

    /// Removes a name that was found before; answers whether it had been paid for.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        if let Some(entry) = self.by_name.remove(name) {
            self.by_order.remove(&entry.order);
            return entry.is_charged;
        }
        if let Some(below) = &mut self.below {
            below.unchanged.remove(name);
            below.gone.insert(name.into());
        }
        false
    }

    /// Makes an unchanged file of a layer an entry of its own, unless its name went meanwhile. Answers whether it is one.
    pub(super) fn keep(&mut self, name: &[u8], node: &Arc<Node>) -> bool {
        let Some(below) = &mut self.below else {
            return false;
        };
        if below.gone.contains(name) {
            return self
                .by_name
                .get(name)
                .is_some_and(|entry| Arc::ptr_eq(&entry.node, node));
        }
        if !below
            .unchanged
            .get(name)
            .is_some_and(|held| std::ptr::eq(held.as_ptr(), Arc::as_ptr(node)))
        {
            return false;
        }
        below.unchanged.remove(name);
        below.gone.insert(name.into());
        self.by_name.insert(
            name.into(),
            Entry {
                node: Arc::clone(node),
                order: 0,
                is_charged: false,
            },
        );
        true
    }

    /// Whether there is no entry at all.
    pub(super) fn is_empty(&self) -> SysResult<bool> {
        if !self.by_name.is_empty() {
            return Ok(false);
        }
        let Some(below) = &self.below else {
            return Ok(true);
        };
        let mut is_empty = true;
        below.layers.list(&mut |entry| {
            is_empty = below.gone.contains(entry.name);
            is_empty
        })?;
        Ok(is_empty)
    }

    /// Takes the entries out, for letting go of a tree without recursion.
    pub(super) fn take_nodes(&mut self) -> impl Iterator<Item = Arc<Node>> + use<> {
        self.by_order.clear();
        std::mem::take(&mut self.by_name)
            .into_values()
            .map(|entry| entry.node)
    }

    /// The entries, and a directory that has all else in common with this one.
    pub(super) fn copied(&self) -> (Vec<Copied>, Self) {
        let entries = self
            .by_name
            .iter()
            .map(|(name, entry)| (Arc::clone(name), entry.order, Arc::clone(&entry.node)));
        let copied_below = |below: &Below| {
            Box::new(Below {
                layers: below.layers.clone(),
                gone: below.gone.clone(),
                ..Below::default()
            })
        };
        let below = self.below.as_deref().map(copied_below);
        (
            entries.collect(),
            Self {
                last_order: self.last_order,
                below,
                ..Self::default()
            },
        )
    }

    /// Adds an entry that `copied` told.
    pub(super) fn add_copied(&mut self, name: Arc<[u8]>, order: u64, node: Arc<Node>) {
        if order != 0 {
            self.by_order.insert(order, Arc::clone(&name));
        }
        self.by_name.insert(
            name,
            Entry {
                node,
                order,
                is_charged: false,
            },
        );
    }

    /// Entries without a name below, after a cursor.
    fn own_batch(&self, cursor: u64) -> Vec<Told> {
        let told = |(order, name): (&u64, &Arc<[u8]>)| {
            let node = &self.by_name.get(name)?.node;
            Some(Told {
                name: Arc::clone(name),
                ino: node.number(),
                file_type: node.file_kind(),
                next_cursor: *order,
            })
        };
        self.by_order
            .range(cursor + 1..)
            .take(BATCH)
            .filter_map(told)
            .collect()
    }

    /// The names of the layers, in their order; nothing without layers.
    fn listing(&mut self) -> SysResult<Option<Arc<[Told]>>> {
        let Some(below) = &mut self.below else {
            return Ok(None);
        };
        if let Some(listing) = &below.listing {
            return Ok(Some(Arc::clone(listing)));
        }
        let mut listing = Vec::new();
        below.layers.list(&mut |entry| {
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
        let listing: Arc<[Told]> = listing.into();
        below.listing = Some(Arc::clone(&listing));
        Ok(Some(listing))
    }

    fn forget_listing(&mut self) -> SysResult {
        if let Some(below) = &mut self.below {
            below.listing = None;
        }
        Ok(())
    }

    /// Names told by the layers with what the overlay knows of them, without those that are gone.
    fn correct(&self, names: &[Told]) -> Vec<Told> {
        let is_gone = |name: &[u8]| {
            self.below
                .as_ref()
                .is_some_and(|below| below.gone.contains(name))
        };
        let corrected = |told: &Told| match self.by_name.get(&told.name) {
            Some(entry) => Some(Told {
                ino: entry.node.number(),
                file_type: entry.node.file_kind(),
                ..told.clone()
            }),
            None if is_gone(&told.name) => None,
            None => Some(told.clone()),
        };
        names.iter().filter_map(corrected).collect()
    }
}

/// Tells the entries of a directory from a cursor on; takes the directory's lock for a batch at a time.
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
        let batch = node.with_directory(|directory| directory.own_batch(cursor))?;
        match batch.last() {
            Some(last) => cursor = last.next_cursor,
            None => cursor = BELOW,
        }
        if !tell_all(batch) {
            return Ok(());
        }
    }
    let Some(listing) = node.change_directory(Directory::listing)? else {
        return Ok(());
    };
    let mut index = usize::try_from(cursor & !BELOW).unwrap_or(usize::MAX);
    while let Some(batch) = listing.get(index..).filter(|rest| !rest.is_empty()) {
        let batch = batch.get(..BATCH).unwrap_or(batch);
        index += batch.len();
        let batch = node.with_directory(|directory| directory.correct(batch))?;
        if !tell_all(batch) {
            return Ok(());
        }
    }
    // Read to its end: whoever lists next may make it again.
    node.change_directory(Directory::forget_listing)
}
