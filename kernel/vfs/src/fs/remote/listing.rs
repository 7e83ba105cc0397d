//! The entries of a directory in an order that holds: cursors are keyed hashes of the names, as of host directories.

use std::hash::BuildHasher;

use cenote_abi::fs::FileType;
use cenote_base::path::NAME_MAX;

use super::Shared;

/// Cursors keep below the bits others use.
const CURSOR_BITS: u32 = 46;

/// What was in a directory when it was read.
#[derive(Debug, Default)]
pub(super) struct Listing {
    entries: Vec<Listed>,
}

/// One entry.
#[derive(Debug)]
pub(super) struct Listed {
    /// At least 1; the order.
    pub(super) cursor: u64,
    pub(super) name: Vec<u8>,
    pub(super) kind: FileType,
}

/// Whether a name can be one: the other side may say anything.
pub(super) fn is_name(name: &[u8]) -> bool {
    let is_special = matches!(name, b"" | b"." | b"..");
    !is_special && name.len() <= NAME_MAX && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}

impl Listing {
    pub(super) fn of(shared: &Shared, names: Vec<(Vec<u8>, FileType)>) -> Self {
        let mut entries: Vec<Listed> = names
            .into_iter()
            .filter(|(name, _)| is_name(name))
            .map(|(name, kind)| Listed {
                cursor: (shared.hasher.hash_one(&name) >> (64 - CURSOR_BITS)).max(1),
                name,
                kind,
            })
            .collect();
        entries.sort_by(|one, other| (one.cursor, &one.name).cmp(&(other.cursor, &other.name)));
        entries.dedup_by(|one, other| one.name == other.name);
        // Names with one hash must not share a cursor, or the second would be lost between two calls.
        let mut last = 0;
        for listed in &mut entries {
            listed.cursor = listed.cursor.max(last + 1);
            last = listed.cursor;
        }
        Self { entries }
    }

    /// The entries after a cursor.
    pub(super) fn after(&self, cursor: u64) -> &[Listed] {
        let start = self
            .entries
            .partition_point(|listed| listed.cursor <= cursor);
        self.entries.get(start..).unwrap_or_default()
    }
}
