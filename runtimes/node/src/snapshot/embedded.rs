//! The start-up snapshot in the program: read-only data that the crate `cenote-snapshot` made while it was built, after the key of the build it is of.

use std::sync::OnceLock;

use super::kept::{self, Code};

static EMBEDDED: OnceLock<&'static [u8]> = OnceLock::new();

/// Starts node in this host process from `snapshot`, what `cenote_snapshot::START_UP_SNAPSHOT` is, instead of from the user's caches. To be called before
/// the first machine is made; the first call counts, and so does the first `node` that was started without one.
///
/// An empty one is none. One of another build is not used, with a warning of `cenote::node`.
pub fn use_snapshot(snapshot: &'static [u8]) {
    // A second one is the same: there is one build in a program.
    EMBEDDED.get_or_init(|| snapshot);
}

/// The snapshot of this program, if it has one that fits.
pub(super) fn load() -> Option<(&'static [u8], Code)> {
    let bytes = EMBEDDED.get().filter(|bytes| !bytes.is_empty())?;
    let loaded = read(bytes);
    if loaded.is_none() {
        tracing::warn!(target: "cenote::node", "the start-up snapshot in the program is of another build");
    }
    loaded
}

/// What [`write`] wrote, if it was this build that wrote it.
fn read(bytes: &'static [u8]) -> Option<(&'static [u8], Code)> {
    let mut rest = bytes;
    let key = kept::take_part(&mut rest)?;
    (key == kept::portable_key().as_bytes())
        .then(|| kept::unpack(rest))
        .flatten()
}

/// The bytes to embed.
pub(super) fn write(packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    kept::put_part(&mut bytes, kept::portable_key().as_bytes());
    bytes.extend_from_slice(packed);
    bytes
}

#[cfg(test)]
mod tests {
    use super::{read, write};
    use crate::snapshot::kept::{self, Code};

    fn leaked(bytes: Vec<u8>) -> &'static [u8] {
        Box::leak(bytes.into_boxed_slice())
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = leaked(write(&kept::pack(b"blob", &Code::default())));
        let (blob, code) = read(bytes).expect("of this build");
        assert_eq!(blob, b"blob");
        assert!(code.caches.is_empty());
    }

    #[test]
    fn other_builds_and_damaged_ones_are_not_used() {
        let whole = write(&kept::pack(b"blob", &Code::default()));
        for len in 0..whole.len() {
            assert!(read(leaked(whole[..len].to_vec())).is_none(), "{len} bytes");
        }
        let mut other = whole.clone();
        other[9] ^= 1;
        assert!(read(leaked(other)).is_none());
        let mut endless = whole;
        endless[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(read(leaked(endless)).is_none());
    }
}
