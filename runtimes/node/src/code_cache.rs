//! Sealed code caches: V8's cached code, as guests keep it.
//!
//! V8 trusts the bytes of a code cache: it checks a version, a length and the source's hash, and then runs the bytecode they
//! hold. A guest could write bytecode that reads and writes the host's memory. So what leaves for a guest ends in a keyed
//! digest ([`seal`]), and only bytes that carry it are given back to V8 ([`open`]). The key is the host process's: a cache that
//! a guest stored does not outlive it, and is then made anew.

use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};

/// Length of the digest at the end.
const TAG: usize = 32;
/// SHA-256's block.
const BLOCK: usize = 64;

/// The key of this host process; `None` if the host has no randomness, then nothing is ever accepted.
fn key() -> Option<&'static [u8; BLOCK]> {
    static KEY: OnceLock<Option<[u8; BLOCK]>> = OnceLock::new();
    KEY.get_or_init(|| {
        let mut key = [0; BLOCK];
        openssl::rand::rand_bytes(&mut key).ok().map(|()| key)
    })
    .as_ref()
}

/// HMAC-SHA-256 (RFC 2104) of the bytes.
fn tag(key: &[u8; BLOCK], bytes: &[u8]) -> [u8; TAG] {
    let pad = |byte: u8| key.map(|part| part ^ byte);
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(bytes)
        .finalize();
    Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

/// A code cache with its digest: what a guest gets.
pub(crate) fn seal(cache: &[u8]) -> Option<Vec<u8>> {
    let mut sealed = cache.to_vec();
    sealed.extend_from_slice(&tag(key()?, cache));
    Some(sealed)
}

/// The code cache in what a guest gives, if it was sealed by this host process and is unchanged.
pub(crate) fn open(sealed: &[u8]) -> Option<&[u8]> {
    let (cache, given) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
    let wanted = tag(key()?, cache);
    // All bytes are compared, so that the time says nothing.
    let differs = given
        .iter()
        .zip(wanted)
        .fold(0, |differs, (given, wanted)| differs | (given ^ wanted));
    (differs == 0).then_some(cache)
}

#[cfg(test)]
mod tests {
    use super::{open, seal};

    #[test]
    fn a_changed_cache_is_refused() {
        let mut sealed = seal(b"bytecode").expect("the test host has randomness");
        assert_eq!(open(&sealed), Some(b"bytecode".as_slice()));
        sealed[0] ^= 1;
        assert_eq!(open(&sealed), None);
        assert_eq!(open(b"short"), None);
    }
}
