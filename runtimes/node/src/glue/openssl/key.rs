//! Keys of every algorithm: which one a key is of ([`Algorithm`]), its raw bytes, and keys from raw bytes. Node: `EVPKeyPointer` in deps/ncrypto.
//!
//! Algorithms that only exist in OpenSSL's providers (ML-DSA, ML-KEM, SLH-DSA) have no number there; [`NamedAlgorithm`] lists
//! them, and the older ones whose keys are plain bytes, with the numbers Node shows.

use std::ffi::{CStr, c_char};

use foreign_types::{ForeignType as _, ForeignTypeRef as _};
use openssl::error::ErrorStack;
use openssl::pkey::{HasPublic, Id, KeyType, PKey, PKeyRef, Private, Public};
use openssl_sys as ffi;

/// What an algorithm with raw keys is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// X25519 and X448.
    Exchange,
    /// Ed25519 and Ed448.
    Edwards,
    MlDsa,
    MlKem,
    SlhDsa,
}

/// An algorithm whose keys are plain bytes.
#[derive(Debug)]
pub(crate) struct NamedAlgorithm {
    /// `EVP_PKEY_…` as Node shows it.
    pub(crate) nid: i32,
    /// As JSON Web Keys and Web Crypto spell it.
    pub(crate) name: &'static str,
    /// `asymmetricKeyType`.
    pub(crate) key_type: &'static str,
    pub(crate) purpose: Purpose,
    c_name: &'static CStr,
}

impl NamedAlgorithm {
    const fn new(
        nid: i32,
        c_name: &'static CStr,
        name: &'static str,
        key_type: &'static str,
        purpose: Purpose,
    ) -> Self {
        Self {
            nid,
            name,
            key_type,
            purpose,
            c_name,
        }
    }

    /// By Node's number.
    pub(crate) fn from_nid(nid: i32) -> Option<&'static Self> {
        NAMED.iter().find(|named| named.nid == nid)
    }

    /// By name, in any case of letters.
    pub(crate) fn from_name(name: &str) -> Option<&'static Self> {
        NAMED
            .iter()
            .find(|named| named.name.eq_ignore_ascii_case(name))
    }

    /// Whether the private key is kept as a seed (and not as the expanded key).
    pub(crate) const fn has_seed(&self) -> bool {
        matches!(self.purpose, Purpose::MlDsa | Purpose::MlKem)
    }

    /// Whether it signs, all data at once.
    pub(crate) const fn signs(&self) -> bool {
        matches!(
            self.purpose,
            Purpose::Edwards | Purpose::MlDsa | Purpose::SlhDsa
        )
    }

    /// OpenSSL's name.
    pub(super) const fn c_name(&self) -> &'static CStr {
        self.c_name
    }
}

const ED25519: i32 = 1087;

/// Every algorithm with raw keys.
static NAMED: &[NamedAlgorithm] = &[
    NamedAlgorithm::new(1034, c"X25519", "X25519", "x25519", Purpose::Exchange),
    NamedAlgorithm::new(1035, c"X448", "X448", "x448", Purpose::Exchange),
    NamedAlgorithm::new(ED25519, c"ED25519", "Ed25519", "ed25519", Purpose::Edwards),
    NamedAlgorithm::new(1088, c"ED448", "Ed448", "ed448", Purpose::Edwards),
    NamedAlgorithm::new(
        1454,
        c"ML-KEM-512",
        "ML-KEM-512",
        "ml-kem-512",
        Purpose::MlKem,
    ),
    NamedAlgorithm::new(
        1455,
        c"ML-KEM-768",
        "ML-KEM-768",
        "ml-kem-768",
        Purpose::MlKem,
    ),
    NamedAlgorithm::new(
        1456,
        c"ML-KEM-1024",
        "ML-KEM-1024",
        "ml-kem-1024",
        Purpose::MlKem,
    ),
    NamedAlgorithm::new(1457, c"ML-DSA-44", "ML-DSA-44", "ml-dsa-44", Purpose::MlDsa),
    NamedAlgorithm::new(1458, c"ML-DSA-65", "ML-DSA-65", "ml-dsa-65", Purpose::MlDsa),
    NamedAlgorithm::new(1459, c"ML-DSA-87", "ML-DSA-87", "ml-dsa-87", Purpose::MlDsa),
    NamedAlgorithm::new(
        1460,
        c"SLH-DSA-SHA2-128s",
        "SLH-DSA-SHA2-128s",
        "slh-dsa-sha2-128s",
        Purpose::SlhDsa,
    ),
    NamedAlgorithm::new(
        1461,
        c"SLH-DSA-SHA2-128f",
        "SLH-DSA-SHA2-128f",
        "slh-dsa-sha2-128f",
        Purpose::SlhDsa,
    ),
    NamedAlgorithm::new(
        1462,
        c"SLH-DSA-SHA2-192s",
        "SLH-DSA-SHA2-192s",
        "slh-dsa-sha2-192s",
        Purpose::SlhDsa,
    ),
    NamedAlgorithm::new(
        1463,
        c"SLH-DSA-SHA2-192f",
        "SLH-DSA-SHA2-192f",
        "slh-dsa-sha2-192f",
        Purpose::SlhDsa,
    ),
    NamedAlgorithm::new(
        1464,
        c"SLH-DSA-SHA2-256s",
        "SLH-DSA-SHA2-256s",
        "slh-dsa-sha2-256s",
        Purpose::SlhDsa,
    ),
    NamedAlgorithm::new(
        1465,
        c"SLH-DSA-SHA2-256f",
        "SLH-DSA-SHA2-256f",
        "slh-dsa-sha2-256f",
        Purpose::SlhDsa,
    ),
    NamedAlgorithm::new(
        1466,
        c"SLH-DSA-SHAKE-128s",
        "SLH-DSA-SHAKE-128s",
        "slh-dsa-shake-128s",
        Purpose::SlhDsa,
    ),
    NamedAlgorithm::new(
        1467,
        c"SLH-DSA-SHAKE-128f",
        "SLH-DSA-SHAKE-128f",
        "slh-dsa-shake-128f",
        Purpose::SlhDsa,
    ),
    NamedAlgorithm::new(
        1468,
        c"SLH-DSA-SHAKE-192s",
        "SLH-DSA-SHAKE-192s",
        "slh-dsa-shake-192s",
        Purpose::SlhDsa,
    ),
    NamedAlgorithm::new(
        1469,
        c"SLH-DSA-SHAKE-192f",
        "SLH-DSA-SHAKE-192f",
        "slh-dsa-shake-192f",
        Purpose::SlhDsa,
    ),
    NamedAlgorithm::new(
        1470,
        c"SLH-DSA-SHAKE-256s",
        "SLH-DSA-SHAKE-256s",
        "slh-dsa-shake-256s",
        Purpose::SlhDsa,
    ),
    NamedAlgorithm::new(
        1471,
        c"SLH-DSA-SHAKE-256f",
        "SLH-DSA-SHAKE-256f",
        "slh-dsa-shake-256f",
        Purpose::SlhDsa,
    ),
];

/// What a key is of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Algorithm {
    Rsa,
    RsaPss,
    Dsa,
    Dh,
    Ec,
    Named(&'static NamedAlgorithm),
    /// One that Node has no name for.
    Other,
}

impl Algorithm {
    /// Of this key.
    pub(crate) fn of<T>(key: &PKeyRef<T>) -> Self {
        match key.id() {
            Id::RSA => Self::Rsa,
            Id::RSA_PSS => Self::RsaPss,
            Id::DSA => Self::Dsa,
            Id::DH => Self::Dh,
            Id::EC => Self::Ec,
            id => NAMED
                .iter()
                .find(|named| named.nid == id.as_raw() || is_a(key, named.c_name))
                .map_or(Self::Other, Self::Named),
        }
    }

    /// `asymmetricKeyType`.
    pub(crate) const fn key_type(self) -> Option<&'static str> {
        Some(match self {
            Self::Rsa => "rsa",
            Self::RsaPss => "rsa-pss",
            Self::Dsa => "dsa",
            Self::Dh => "dh",
            Self::Ec => "ec",
            Self::Named(named) => named.key_type,
            Self::Other => return None,
        })
    }

    /// Whether it is RSA with any padding.
    pub(crate) const fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa | Self::RsaPss)
    }
}

fn is_a<T>(key: &PKeyRef<T>, name: &CStr) -> bool {
    // SAFETY: key and name live.
    unsafe { ffi::EVP_PKEY_is_a(key.as_ptr(), name.as_ptr()) == 1 }
}

/// A key from a pointer OpenSSL made, or its errors.
///
/// # Safety
/// The pointer is null, or a key with a reference for us that has what `T` says.
pub(super) unsafe fn owned<T>(key: *mut ffi::EVP_PKEY) -> Result<PKey<T>, ErrorStack> {
    if key.is_null() {
        return Err(ErrorStack::get());
    }
    // SAFETY: not null; the rest is the caller's word.
    Ok(unsafe { PKey::from_ptr(key) })
}

/// The public half of a private key. It is the same key underneath; only its type forgets the private part.
pub(crate) fn public_half(key: &PKeyRef<Private>) -> PKey<Public> {
    let raw = std::mem::ManuallyDrop::new(key.to_owned()).as_ptr();
    // SAFETY: the reference of `key` goes over; a private key has a public half.
    unsafe { PKey::from_ptr(raw) }
}

/// A public key from its bytes.
///
/// # Errors
/// OpenSSL's, for the wrong length among others.
pub(crate) fn public_from_raw(
    algorithm: &NamedAlgorithm,
    bytes: &[u8],
) -> Result<PKey<Public>, ErrorStack> {
    super::init();
    let none: *const c_char = std::ptr::null();
    // SAFETY: name and bytes live; no properties and the default library are allowed.
    let key = unsafe {
        ffi::EVP_PKEY_new_raw_public_key_ex(
            std::ptr::null_mut(),
            algorithm.c_name.as_ptr(),
            none,
            bytes.as_ptr(),
            bytes.len(),
        )
    };
    // SAFETY: a new public key, or null.
    unsafe { owned(key) }
}

/// A private key from its bytes.
///
/// # Errors
/// OpenSSL's, for the wrong length among others.
pub(crate) fn private_from_raw(
    algorithm: &NamedAlgorithm,
    bytes: &[u8],
) -> Result<PKey<Private>, ErrorStack> {
    super::init();
    let none: *const c_char = std::ptr::null();
    // SAFETY: name and bytes live; no properties and the default library are allowed.
    let key = unsafe {
        ffi::EVP_PKEY_new_raw_private_key_ex(
            std::ptr::null_mut(),
            algorithm.c_name.as_ptr(),
            none,
            bytes.as_ptr(),
            bytes.len(),
        )
    };
    // SAFETY: a new private key, or null.
    unsafe { owned(key) }
}

/// A private key from its seed; `None` when the algorithm has none or the seed is not one.
pub(crate) fn private_from_seed(algorithm: &NamedAlgorithm, seed: &[u8]) -> Option<PKey<Private>> {
    super::init();
    let key_type = match algorithm.nid {
        1454 => KeyType::ML_KEM_512,
        1455 => KeyType::ML_KEM_768,
        1456 => KeyType::ML_KEM_1024,
        1457 => KeyType::ML_DSA_44,
        1458 => KeyType::ML_DSA_65,
        1459 => KeyType::ML_DSA_87,
        _ => return None,
    };
    if seed.len() != seed_len(algorithm) {
        return None;
    }
    PKey::private_key_from_seed(None, key_type, None, seed).ok()
}

const fn seed_len(algorithm: &NamedAlgorithm) -> usize {
    match algorithm.purpose {
        Purpose::MlKem => 64,
        _ => 32,
    }
}

/// The seed of a private key, if it has kept one.
pub(crate) fn seed_of(key: &PKeyRef<Private>) -> Option<Vec<u8>> {
    const LONGEST: usize = 64;
    let mut seed = vec![0; LONGEST];
    let len = key.seed_into(&mut seed).ok()?;
    seed.truncate(len);
    Some(seed)
}

/// Whether two keys are the same by their public half; `None` when OpenSSL cannot say for these algorithms.
pub(crate) fn equal<T: HasPublic, U: HasPublic>(
    one: &PKeyRef<T>,
    other: &PKeyRef<U>,
) -> Option<bool> {
    const UNSUPPORTED: i32 = -2;
    // SAFETY: both keys live.
    match unsafe { ffi::EVP_PKEY_eq(one.as_ptr(), other.as_ptr()) } {
        UNSUPPORTED => None,
        result => Some(result == 1),
    }
}
