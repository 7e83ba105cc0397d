//! Netscape's signed public keys and challenges. Node: `VerifySpkac`, `ExportPublicKey` and `ExportChallenge` in deps/ncrypto.

use std::ffi::{c_char, c_int, c_void};

use foreign_types::ForeignTypeRef as _;
use openssl::asn1::Asn1StringRef;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Public};
use openssl_sys as ffi;

use foreign_types::ForeignType as _;

use super::key::owned;
use super::memory::int;

/// `NETSCAPE_SPKAC` of openssl/x509.h.
#[repr(C)]
struct RawContents {
    public_key: *mut c_void,
    challenge: *mut ffi::ASN1_STRING,
}

/// The beginning of `NETSCAPE_SPKI` of openssl/x509.h.
#[repr(C)]
struct RawSpkac {
    contents: *mut RawContents,
}

unsafe extern "C" {
    fn NETSCAPE_SPKI_b64_decode(text: *const c_char, len: c_int) -> *mut RawSpkac;
    fn NETSCAPE_SPKI_free(spkac: *mut RawSpkac);
    fn NETSCAPE_SPKI_get_pubkey(spkac: *mut RawSpkac) -> *mut ffi::EVP_PKEY;
    fn NETSCAPE_SPKI_verify(spkac: *mut RawSpkac, key: *mut ffi::EVP_PKEY) -> c_int;
}

/// A decoded SPKAC.
#[derive(Debug)]
pub(crate) struct Spkac(*mut RawSpkac);

impl Drop for Spkac {
    fn drop(&mut self) {
        // SAFETY: ours, freed once.
        unsafe { NETSCAPE_SPKI_free(self.0) };
    }
}

impl Spkac {
    /// Decodes base64 text.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn decode(text: &[u8]) -> Result<Self, ErrorStack> {
        super::init();
        // OpenSSL would count trailing blanks as base64, and takes a length of 0 for "up to the NUL".
        let text = text.trim_ascii_end();
        if text.is_empty() {
            return Err(ErrorStack::get());
        }
        // SAFETY: the text lives and has this length.
        let raw =
            unsafe { NETSCAPE_SPKI_b64_decode(text.as_ptr().cast::<c_char>(), int(text.len())?) };
        if raw.is_null() {
            return Err(ErrorStack::get());
        }
        Ok(Self(raw))
    }

    /// The public key in it.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn public_key(&self) -> Result<PKey<Public>, ErrorStack> {
        // SAFETY: the SPKAC lives.
        let key = unsafe { NETSCAPE_SPKI_get_pubkey(self.0) };
        // SAFETY: a public key with a reference for us, or null.
        unsafe { owned(key) }
    }

    /// Whether it is signed with the key in it.
    pub(crate) fn is_signed(&self) -> bool {
        let Ok(key) = self.public_key() else {
            return false;
        };
        // SAFETY: SPKAC and key live.
        let verified = unsafe { NETSCAPE_SPKI_verify(self.0, key.as_ptr()) };
        drop(ErrorStack::get());
        verified > 0
    }

    /// The challenge it answers.
    pub(crate) fn challenge(&self) -> Option<Vec<u8>> {
        // SAFETY: the SPKAC lives, and its contents with it.
        let contents = unsafe { (*self.0).contents };
        // SAFETY: null, or the contents of a living SPKAC.
        let contents = unsafe { contents.as_ref() }?;
        if contents.challenge.is_null() {
            return None;
        }
        // SAFETY: not null; lives with the SPKAC.
        let challenge = unsafe { Asn1StringRef::from_ptr(contents.challenge) };
        Some(challenge.as_slice().to_vec())
    }
}
