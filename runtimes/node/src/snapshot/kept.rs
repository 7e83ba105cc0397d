//! How a snapshot and its code caches are kept as bytes: one after another; in the program (`embedded`) after the key of the build, in a file of the user's caches under a digest.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Compiled functions of the library.
#[derive(Debug, Default)]
pub(super) struct Code {
    pub(super) caches: HashMap<String, &'static [u8]>,
    /// What the smallest program asks for besides the snapshot, in this order.
    pub(super) first: Vec<String>,
}

/// Appends a part: its length in 64 bits, little-endian, and its bytes.
pub(super) fn put_part(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Takes the part that `rest` begins with off it; `None` when there is no whole one.
pub(super) fn take_part(rest: &mut &'static [u8]) -> Option<&'static [u8]> {
    let (len, after) = rest.split_first_chunk::<8>()?;
    let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
    let (part, after) = after.split_at_checked(len)?;
    *rest = after;
    Some(part)
}

/// The snapshot, the first modules, and the code caches by name: each part with its length before it.
pub(super) fn pack(blob: &[u8], code: &Code) -> Vec<u8> {
    let mut out = Vec::new();
    put_part(&mut out, blob);
    put_part(&mut out, code.first.join("\n").as_bytes());
    let mut caches: Vec<_> = code.caches.iter().collect();
    caches.sort_unstable_by_key(|(id, _)| *id);
    for (id, cache) in caches {
        put_part(&mut out, id.as_bytes());
        put_part(&mut out, cache);
    }
    out
}

/// The reverse of [`pack`].
pub(super) fn unpack(bytes: &'static [u8]) -> Option<(&'static [u8], Code)> {
    let text = |bytes: &'static [u8]| std::str::from_utf8(bytes).ok();
    let mut rest = bytes;
    let blob = take_part(&mut rest)?;
    let mut code = Code::default();
    let first = text(take_part(&mut rest)?)?;
    code.first = first.lines().map(str::to_owned).collect();
    while !rest.is_empty() {
        let id = text(take_part(&mut rest)?)?.to_owned();
        code.caches.insert(id, take_part(&mut rest)?);
    }
    Some((blob, code))
}

const DIGEST_LEN: usize = 32;

/// The packed bytes after their digest.
pub(super) fn seal(packed: &[u8]) -> Vec<u8> {
    let mut sealed = Sha256::digest(packed).to_vec();
    sealed.extend_from_slice(packed);
    sealed
}

/// What was sealed, if it is whole. The bytes stay for the life of the host process.
pub(super) fn unseal(mut sealed: Vec<u8>) -> Option<(&'static [u8], Code)> {
    if sealed.len() <= DIGEST_LEN {
        return None;
    }
    let packed = sealed.split_off(DIGEST_LEN);
    if Sha256::digest(&packed).as_slice() != sealed {
        return None;
    }
    unpack(Box::leak(packed.into_boxed_slice()))
}

/// What a snapshot fits to, whatever processor made it: Node's version, V8's, and this build, whose sources have V8's flags.
///
/// For snapshots that travel with a program: a blob has no machine code, and V8 itself refuses code caches that were made with other flags.
pub(super) fn portable_key() -> String {
    format!(
        "node-{}-{}-{}",
        env!("CENOTE_NODE_VERSION"),
        v8::V8::get_version(),
        env!("CENOTE_SNAPSHOT_KEY"),
    )
}

/// What a snapshot fits to on this machine: V8's tag is made of its flags as they are, and of what the processor has.
fn key() -> String {
    let tag = v8::script_compiler::cached_data_version_tag();
    format!("{}-{tag:08x}", portable_key())
}

/// Where start-up snapshots are kept: a folder of the user's caches.
#[must_use]
pub fn snapshot_directory() -> Option<PathBuf> {
    cenote_base::cache_directory("snapshots")
}

/// The file of this build's snapshot.
pub(super) fn cache_file() -> Option<PathBuf> {
    Some(snapshot_directory()?.join(format!("{}.snapshot", key())))
}

/// Writes a file so that whoever reads it sees all of it or nothing.
pub(super) fn store(path: &Path, sealed: &[u8]) -> std::io::Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    std::fs::write(&partial, sealed)?;
    std::fs::rename(&partial, path)
}
