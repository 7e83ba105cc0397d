//! What V8 compiled of the files programs load, shared by all machines of this process: [`look_up`], [`keep`].
//!
//! A text is known by its SHA-256, so that it is the same text whatever it is called and whoever loads it. The first to load it
//! leaves its mark, the second leaves what V8 made of it, everyone after that does not compile. The bytes are made by V8 in this
//! process and never leave it: they need no seal ([`crate::code_cache`] has one for those that guests keep).
//!
//! By how long loading takes, a guest can tell that some machine of this process loaded the same text before; nothing else.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::glue::Scope;

/// Shorter texts compile faster than they are hashed, characters.
const SHORTEST: usize = 1 << 10;
/// Longer texts are compiled anew, characters.
const LONGEST: usize = 16 << 20;
/// The largest code of one text that is kept, bytes.
const LARGEST: usize = 8 << 20;
/// How much code is kept in all, bytes.
const CAPACITY: usize = 64 << 20;
/// How many texts are known, with code or without.
const TEXTS: usize = 16 << 10;

/// What a text is compiled as.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// The body of a function of `exports`, `require`, `module`, `__filename`, `__dirname`.
    CommonJs,
    /// An ES module.
    Module,
}

/// A text, by what it says.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Key([u8; 32]);

/// What is known of a text.
#[derive(Debug)]
pub(crate) enum Known {
    /// Not worth it, or not seen before.
    No,
    /// Seen before: what V8 makes of it this time shall be kept.
    Wanted(Key),
    /// What V8 made of it.
    Code(Arc<[u8]>, Key),
}

#[derive(Debug)]
struct Entry {
    code: Option<Arc<[u8]>>,
    /// When it was last asked for.
    used: u64,
}

#[derive(Debug, Default)]
struct Store {
    entries: HashMap<Key, Entry>,
    bytes: usize,
    now: u64,
}

static STORE: LazyLock<Mutex<Store>> = LazyLock::new(Mutex::default);

fn store() -> MutexGuard<'static, Store> {
    STORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is known of a text.
pub(crate) fn look_up<'s>(
    scope: &Scope<'s, '_>,
    kind: Kind,
    text: v8::Local<'s, v8::String>,
) -> Known {
    let length = text.length();
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Known::No;
    }
    let is_one_byte = text.is_onebyte();
    let mut digest = Sha256::new_with_prefix([kind as u8, u8::from(is_one_byte)]);
    // Character by character, not as UTF-8: halves of surrogate pairs must not be taken for each other.
    let no_flags = v8::WriteFlags::empty();
    if is_one_byte {
        let mut characters = vec![0_u8; length];
        text.write_one_byte_v2(scope, 0, &mut characters, no_flags);
        digest.update(&characters);
    } else {
        let mut characters = vec![0_u16; length];
        text.write_v2(scope, 0, &mut characters, no_flags);
        for part in characters.chunks(4096) {
            let bytes: Vec<u8> = part.iter().flat_map(|unit| unit.to_le_bytes()).collect();
            digest.update(&bytes);
        }
    }
    store().look_up(Key(digest.finalize().into()))
}

/// Keeps what V8 made of a text.
pub(crate) fn keep(key: Key, code: &[u8]) {
    if code.len() <= LARGEST {
        store().keep(key, code.into());
    }
}

/// Forgets what V8 did not accept.
pub(crate) fn forget(key: Key) {
    store().forget(key);
}

impl Store {
    fn look_up(&mut self, key: Key) -> Known {
        self.now += 1;
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.used = self.now;
            return match &entry.code {
                Some(code) => Known::Code(Arc::clone(code), key),
                None => Known::Wanted(key),
            };
        }
        if self.entries.len() >= TEXTS {
            self.drop_oldest();
        }
        let entry = Entry {
            code: None,
            used: self.now,
        };
        self.entries.insert(key, entry);
        Known::No
    }

    fn keep(&mut self, key: Key, code: Arc<[u8]>) {
        // Each time at least one goes.
        while self.bytes.saturating_add(code.len()) > CAPACITY {
            self.drop_oldest();
        }
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        self.bytes += code.len();
        let before = entry.code.replace(code);
        self.bytes -= before.map_or(0, |code| code.len());
    }

    fn forget(&mut self, key: Key) {
        if let Some(Entry {
            code: Some(code), ..
        }) = self.entries.remove(&key)
        {
            self.bytes -= code.len();
        }
    }

    /// Makes room: half of the texts that have code go, those not asked for longest, and all older ones without.
    fn drop_oldest(&mut self) {
        let mut times: Vec<u64> = self.entries.values().map(|entry| entry.used).collect();
        if self.bytes > CAPACITY / 2 {
            // Code is what is too much: its owners decide what is old.
            times = self
                .entries
                .values()
                .filter(|entry| entry.code.is_some())
                .map(|entry| entry.used)
                .collect();
        }
        if times.is_empty() {
            return;
        }
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        self.entries.retain(|_, entry| entry.used > median);
        self.bytes = self
            .entries
            .values()
            .filter_map(|entry| entry.code.as_ref())
            .map(|code| code.len())
            .sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Key {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Key(bytes)
    }

    #[test]
    fn the_second_makes_code_and_the_third_has_it() {
        let mut store = Store::default();
        assert!(matches!(store.look_up(key(1)), Known::No));
        assert!(matches!(store.look_up(key(1)), Known::Wanted(_)));
        store.keep(key(1), Arc::from([1, 2, 3]));
        assert!(matches!(store.look_up(key(1)), Known::Code(code, _) if *code == [1, 2, 3]));
        assert!(matches!(store.look_up(key(2)), Known::No));
        store.forget(key(1));
        assert_eq!(store.bytes, 0);
        assert!(matches!(store.look_up(key(1)), Known::No));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut store = Store::default();
        let code: Arc<[u8]> = vec![0; LARGEST].into();
        for number in 0..100 {
            store.look_up(key(number));
            store.keep(key(number), Arc::clone(&code));
            assert!(store.bytes <= CAPACITY);
        }
        for number in 0..3 * TEXTS {
            store.look_up(key(number));
            assert!(store.entries.len() <= TEXTS);
        }
        // Kept without having been asked for: no one marked it, and it is not kept.
        let before = store.bytes;
        store.keep(key(usize::MAX), code);
        assert_eq!(store.bytes, before);
    }
}
