//! What is in a host directory.

use std::os::unix::ffi::OsStrExt;

use cap_std::fs::{Dir, DirEntry, MetadataExt};
use cenote_abi::fs::FileType;
use cenote_base::SysResult;

use super::Shared;
use super::errors::errno;
use crate::fs::listing::Listing;

/// Lists a directory, each entry with its inode number.
///
/// # Errors
/// The host's.
pub(super) fn list(shared: &Shared, dir: &Dir) -> SysResult<Listing<u64>> {
    let mut entries = Vec::new();
    for entry in dir.entries().map_err(|error| errno(&error))? {
        let entry = entry.map_err(|error| errno(&error))?;
        // What went away since, or is no kind of file we know, is not listed.
        entries.extend(listed(shared, &entry));
    }
    Ok(Listing::of(&shared.hasher, entries))
}

fn listed(shared: &Shared, entry: &DirEntry) -> Option<(Box<[u8]>, FileType, u64)> {
    let metadata = entry.metadata().ok()?;
    let file_type = FileType::from_mode(metadata.mode())?;
    let name = entry.file_name().as_bytes().into();
    Some((name, file_type, shared.shown_ino(&metadata)))
}
