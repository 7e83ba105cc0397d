//! Names from the other side, which may say anything.

use cenote_abi::fs::FileType;
use cenote_base::path::NAME_MAX;

use super::Shared;
use crate::fs::listing::Listing;

/// Whether a name can be one.
pub(super) fn is_name(name: &[u8]) -> bool {
    let is_special = matches!(name, b"" | b"." | b"..");
    !is_special && name.len() <= NAME_MAX && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}

/// What can be listed of what the other side says is in a directory. Of a name that comes twice the first counts.
pub(super) fn listing(shared: &Shared, mut names: Vec<(Vec<u8>, FileType)>) -> Listing<()> {
    names.retain(|(name, _)| is_name(name));
    names.sort_by(|one, other| one.0.cmp(&other.0));
    names.dedup_by(|one, other| one.0 == other.0);
    let entries = names
        .into_iter()
        .map(|(name, kind)| (name.into(), kind, ()));
    Listing::of(&shared.hasher, entries)
}
