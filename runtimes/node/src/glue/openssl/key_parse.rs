//! Reading keys: PEM and DER; SPKI, PKCS#1, PKCS#8 (encrypted or not) and SEC1. Node: `TryParsePublicKey…` and `TryParsePrivateKey` in deps/ncrypto.

use std::ffi::{CStr, c_char, c_int, c_long, c_uchar, c_void};

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private, Public};
use openssl::x509::X509;
use openssl_sys as ffi;

use super::key::owned;
use super::memory::{MemoryBio, Passphrase, ask, long};

unsafe extern "C" {
    fn PEM_bytes_read_bio(
        data: *mut *mut c_uchar,
        len: *mut c_long,
        found: *mut *mut c_char,
        name: *const c_char,
        bio: *mut ffi::BIO,
        callback: ffi::pem_password_cb,
        given: *mut c_void,
    ) -> c_int;
    fn d2i_PublicKey(
        kind: c_int,
        out: *mut *mut ffi::EVP_PKEY,
        data: *mut *const c_uchar,
        len: c_long,
    ) -> *mut ffi::EVP_PKEY;
    fn d2i_PrivateKey(
        kind: c_int,
        out: *mut *mut ffi::EVP_PKEY,
        data: *mut *const c_uchar,
        len: c_long,
    ) -> *mut ffi::EVP_PKEY;
}

/// `kKeyEncoding…`: how the structure in a key file is laid out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Structure {
    Pkcs1,
    Pkcs8,
    Spki,
    Sec1,
}

/// Why something is no public key: what went wrong with what was marked as one, nothing when nothing was.
#[derive(Debug)]
pub(crate) struct NotPublic(pub(crate) ErrorStack);

/// Why something is no private key.
#[derive(Debug)]
pub(crate) enum NotPrivate {
    /// It is encrypted, and no passphrase was given.
    NeedsPassphrase,
    Broken(ErrorStack),
}

/// The first block of this name in a PEM file, decoded.
fn pem_block(pem: &[u8], name: &CStr) -> Option<Vec<u8>> {
    let bio = MemoryBio::reading(pem).ok()?;
    let mut data: *mut c_uchar = std::ptr::null_mut();
    let mut len: c_long = 0;
    let mut nothing = Passphrase(None);
    // SAFETY: all pointers are to living places of ours; the found name is not wanted; the callback never prompts.
    let found = unsafe {
        PEM_bytes_read_bio(
            &raw mut data,
            &raw mut len,
            std::ptr::null_mut(),
            name.as_ptr(),
            bio.as_ptr(),
            Some(ask),
            nothing.as_ptr(),
        )
    };
    if found != 1 || data.is_null() {
        drop(ErrorStack::get());
        return None;
    }
    let len = usize::try_from(len).unwrap_or(0);
    // SAFETY: OpenSSL allocated `len` bytes there.
    let block = unsafe { std::slice::from_raw_parts(data, len) }.to_vec();
    // SAFETY: the block is OpenSSL's allocation and freed once.
    unsafe { ffi::OPENSSL_free(data.cast::<c_void>()) };
    Some(block)
}

/// How one kind of block is decoded.
type Decode = fn(&[u8]) -> Result<PKey<Public>, ErrorStack>;

/// A public key from PEM: a public key, an RSA public key, or a certificate.
///
/// # Errors
/// [`NotPublic`].
pub(crate) fn public_from_pem(pem: &[u8]) -> Result<PKey<Public>, NotPublic> {
    super::init();
    drop(ErrorStack::get());
    let kinds: [(&CStr, Decode); 3] = [
        (c"PUBLIC KEY", |der| public_from_der(der, Structure::Spki)),
        (c"RSA PUBLIC KEY", |der| {
            public_from_der(der, Structure::Pkcs1)
        }),
        (c"CERTIFICATE", |der| X509::from_der(der)?.public_key()),
    ];
    for (name, decode) in kinds {
        if let Some(der) = pem_block(pem, name) {
            return decode(&der).map_err(NotPublic);
        }
    }
    Err(NotPublic(ErrorStack::get()))
}

/// A public key from DER.
///
/// # Errors
/// OpenSSL's.
pub(crate) fn public_from_der(
    der: &[u8],
    structure: Structure,
) -> Result<PKey<Public>, ErrorStack> {
    super::init();
    let mut data = der.as_ptr();
    let len = long(der.len())?;
    let key = if structure == Structure::Pkcs1 {
        // SAFETY: `data` points to `len` living bytes; a new key is wanted.
        unsafe { d2i_PublicKey(ffi::EVP_PKEY_RSA, std::ptr::null_mut(), &raw mut data, len) }
    } else {
        // SAFETY: `data` points to `len` living bytes; a new key is wanted.
        unsafe { ffi::d2i_PUBKEY(std::ptr::null_mut(), &raw mut data, len) }
    };
    // SAFETY: a new public key, or null.
    unsafe { owned(key) }
}

/// Where the contents of a DER sequence begin, and their length as far as there are bytes.
fn sequence(der: &[u8]) -> Option<&[u8]> {
    const SEQUENCE: u8 = 0x30;
    const LONG_FORM: u8 = 0x80;
    let (&tag, rest) = der.split_first()?;
    if tag != SEQUENCE {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    if first & LONG_FORM == 0 {
        return Some(rest.get(..usize::from(first)).unwrap_or(rest));
    }
    let count = usize::from(first & !LONG_FORM);
    if count > size_of::<usize>() {
        return None;
    }
    let digits = rest.get(..count)?;
    let len = digits
        .iter()
        .fold(0_usize, |len, digit| (len << 8) | usize::from(*digit));
    let contents = rest.get(count..)?;
    Some(contents.get(..len).unwrap_or(contents))
}

/// Whether this PKCS#1 structure is a private key: it begins with a version, 0 or 1, and not with a modulus.
pub(crate) fn is_rsa_private(der: &[u8]) -> bool {
    matches!(sequence(der), Some([2, 1, 0 | 1, ..]))
}

/// Whether this PKCS#8 structure is encrypted: it begins with an algorithm and not with a version.
fn is_encrypted(der: &[u8]) -> bool {
    const INTEGER: u8 = 2;
    sequence(der)
        .and_then(<[u8]>::first)
        .is_some_and(|tag| *tag != INTEGER)
}

/// A private key from PEM (`structure` is `None`) or DER. `earlier` are the errors of taking it for a public one.
///
/// # Errors
/// [`NotPrivate`].
pub(crate) fn private_from(
    bytes: &[u8],
    structure: Option<Structure>,
    passphrase: Option<&[u8]>,
    earlier: Option<&ErrorStack>,
) -> Result<PKey<Private>, NotPrivate> {
    const BAD_PASSWORD_READ: c_int = 104;
    super::init();
    drop(ErrorStack::get());
    if let Some(earlier) = earlier {
        earlier.put();
    }
    let key = private_of(bytes, structure, passphrase);
    // OpenSSL can fail and still return a key.
    let errors = ErrorStack::get();
    let errors = match key {
        Ok(key) if errors.errors().is_empty() => return Ok(key),
        Ok(_) => errors,
        Err(earlier) if errors.errors().is_empty() => earlier,
        Err(_) => errors,
    };
    let unread = errors.errors().first().is_some_and(|error| {
        error.library_code() == ffi::ERR_LIB_PEM && error.reason_code() == BAD_PASSWORD_READ
    });
    if unread && passphrase.is_none() {
        return Err(NotPrivate::NeedsPassphrase);
    }
    Err(NotPrivate::Broken(errors))
}

fn private_of(
    bytes: &[u8],
    structure: Option<Structure>,
    passphrase: Option<&[u8]>,
) -> Result<PKey<Private>, ErrorStack> {
    let mut passphrase = Passphrase(passphrase);
    let bio = MemoryBio::reading(bytes)?;
    let mut data = bytes.as_ptr();
    let len = long(bytes.len())?;
    let none = std::ptr::null_mut();
    let key = match structure {
        None => {
            // SAFETY: stream and passphrase outlive the call; the callback never prompts.
            unsafe {
                ffi::PEM_read_bio_PrivateKey(bio.as_ptr(), none, Some(ask), passphrase.as_ptr())
            }
        }
        Some(Structure::Pkcs1) => {
            // SAFETY: `data` points to `len` living bytes; a new key is wanted.
            unsafe { d2i_PrivateKey(ffi::EVP_PKEY_RSA, none, &raw mut data, len) }
        }
        Some(Structure::Sec1) => {
            // SAFETY: `data` points to `len` living bytes; a new key is wanted.
            unsafe { d2i_PrivateKey(ffi::EVP_PKEY_EC, none, &raw mut data, len) }
        }
        Some(_) if is_encrypted(bytes) => {
            // SAFETY: stream and passphrase outlive the call; the callback never prompts.
            unsafe {
                ffi::d2i_PKCS8PrivateKey_bio(bio.as_ptr(), none, Some(ask), passphrase.as_ptr())
            }
        }
        Some(_) => return PKey::private_key_from_pkcs8(bytes),
    };
    // SAFETY: a new private key, or null.
    unsafe { owned(key) }
}
