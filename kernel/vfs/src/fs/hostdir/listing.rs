//! The entries of a host directory in an order that holds: [`Listing`].
//!
//! The host's own cursors are not to be had, so entries are put in the order of a keyed hash of their names: a
//! cursor is a hash, and whatever comes or goes meanwhile, those after it come after it.

use std::hash::BuildHasher;
use std::os::unix::ffi::OsStrExt;

use cap_std::fs::{Dir, DirEntry, MetadataExt};
use cenote_abi::fs::FileType;
use cenote_base::SysResult;

use super::Shared;
use super::errors::errno;

/// Cursors keep below the bits others use.
const CURSOR_BITS: u32 = 46;

/// What was in a directory when it was read.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) entries: Vec<Listed>,
}

/// One entry.
#[derive(Debug)]
pub(super) struct Listed {
    /// At least 1; the order.
    pub(super) cursor: u64,
    pub(super) name: Box<[u8]>,
    pub(super) ino: u64,
    pub(super) file_type: FileType,
}

impl Listing {
    pub(super) fn read(shared: &Shared, dir: &Dir) -> SysResult<Self> {
        let mut entries = Vec::new();
        for entry in dir.entries().map_err(|error| errno(&error))? {
            let entry = entry.map_err(|error| errno(&error))?;
            // What went away since, or is no kind of file we know, is not listed.
            entries.extend(Listed::of(shared, &entry));
        }
        entries.sort_by_key(|listed| listed.cursor);
        // Names with one hash must not share a cursor, or the second would be lost between two calls.
        let mut last = 0;
        for listed in &mut entries {
            listed.cursor = listed.cursor.max(last + 1);
            last = listed.cursor;
        }
        Ok(Self { entries })
    }

    /// The entries after a cursor.
    pub(super) fn after(&self, cursor: u64) -> &[Listed] {
        let start = self
            .entries
            .partition_point(|listed| listed.cursor <= cursor);
        self.entries.get(start..).unwrap_or_default()
    }
}

impl Listed {
    fn of(shared: &Shared, entry: &DirEntry) -> Option<Self> {
        let name: Box<[u8]> = entry.file_name().as_bytes().into();
        let metadata = entry.metadata().ok()?;
        let cursor = (shared.hasher.hash_one(&name) >> (64 - CURSOR_BITS)).max(1);
        Some(Self {
            cursor,
            name,
            ino: shared.shown_ino(&metadata),
            file_type: FileType::from_mode(metadata.mode())?,
        })
    }
}
