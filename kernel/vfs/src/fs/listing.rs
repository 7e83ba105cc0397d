//! The entries of a directory of somebody else's in an order that holds: [`Listing`], and the one that is being read ([`Kept`]).
//!
//! Cursors of the other side are not to be had or not to be trusted, so entries are put in the order of a keyed hash of their names: a
//! cursor is a hash, and whatever comes or goes meanwhile, those after it come after it.
//!
//! Lock order: [`Kept`]'s lock is a leaf.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use cenote_abi::fs::FileType;
use cenote_base::SysResult;
use parking_lot::Mutex;

use crate::inode::DirEntry;

/// Cursors keep below the bits others use.
const CURSOR_BITS: u32 = 46;

/// What was in a directory when it was read; `T` is what the filesystem knows of an entry besides.
#[derive(Debug)]
pub(super) struct Listing<T> {
    entries: Vec<Listed<T>>,
}

/// One entry.
#[derive(Debug)]
pub(super) struct Listed<T> {
    /// At least 1; the order.
    cursor: u64,
    pub(super) name: Box<[u8]>,
    file_type: FileType,
    pub(super) more: T,
}

impl<T> Listing<T> {
    /// Puts entries with different names in order.
    pub(super) fn of(
        hasher: &RandomState,
        entries: impl IntoIterator<Item = (Box<[u8]>, FileType, T)>,
    ) -> Self {
        let mut entries: Vec<Listed<T>> = entries
            .into_iter()
            .map(|(name, file_type, more)| Listed {
                cursor: (hasher.hash_one(&name) >> (64 - CURSOR_BITS)).max(1),
                name,
                file_type,
                more,
            })
            .collect();
        entries.sort_by(|one, other| (one.cursor, &one.name).cmp(&(other.cursor, &other.name)));
        // Names with one hash must not share a cursor, or the second would be lost between two calls.
        let mut last = 0;
        for listed in &mut entries {
            listed.cursor = listed.cursor.max(last + 1);
            last = listed.cursor;
        }
        Self { entries }
    }

    /// The entries after a cursor.
    fn after(&self, cursor: u64) -> &[Listed<T>] {
        let start = self
            .entries
            .partition_point(|listed| listed.cursor <= cursor);
        self.entries.get(start..).unwrap_or_default()
    }
}

/// The listing that a directory keeps between two calls.
#[derive(Debug)]
pub(super) struct Kept<T>(Mutex<Option<Arc<Listing<T>>>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Kept<T> {
    /// Goes on after a cursor: with the listing that was begun, or from zero on, or when it is gone, with what `read` answers.
    ///
    /// # Errors
    /// Those of `read`.
    pub(super) fn read_dir(
        &self,
        cursor: u64,
        read: impl FnOnce() -> SysResult<Listing<T>>,
        ino: impl Fn(&Listed<T>) -> u64,
        emit: &mut dyn FnMut(DirEntry<'_>) -> bool,
    ) -> SysResult {
        let kept = if cursor == 0 {
            None
        } else {
            self.0.lock().clone()
        };
        let listing = match kept {
            Some(listing) => listing,
            None => {
                let listing = Arc::new(read()?);
                *self.0.lock() = Some(Arc::clone(&listing));
                listing
            }
        };
        for listed in listing.after(cursor) {
            let entry = DirEntry {
                name: &listed.name,
                ino: ino(listed),
                file_type: listed.file_type,
                next_cursor: listed.cursor,
            };
            if !emit(entry) {
                return Ok(());
            }
        }
        // Read to its end: the next to go on from here finds nothing, which needs no listing.
        let finished = self.0.lock().take();
        drop(finished);
        Ok(())
    }
}
