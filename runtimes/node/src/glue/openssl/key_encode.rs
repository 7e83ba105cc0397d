//! Writing keys: PEM and DER; SPKI, PKCS#1, PKCS#8 and SEC1, encrypted where the format allows. Node: `writePrivateKey` and `writePublicKey` in deps/ncrypto.

use std::ffi::{c_char, c_int};

use foreign_types::ForeignTypeRef as _;
use openssl::cipher::CipherRef;
use openssl::error::ErrorStack;
use openssl::pkey::{PKeyRef, Private, Public};
use openssl_sys as ffi;

use foreign_types::ForeignType as _;

use super::key_parse::Structure;
use super::memory::{MemoryBio, Passphrase, ask, checked, int};

unsafe extern "C" {
    fn i2d_RSAPrivateKey_bio(bio: *mut ffi::BIO, rsa: *const ffi::RSA) -> c_int;
    fn i2d_RSAPublicKey_bio(bio: *mut ffi::BIO, rsa: *const ffi::RSA) -> c_int;
    fn i2d_ECPrivateKey_bio(bio: *mut ffi::BIO, key: *const ffi::EC_KEY) -> c_int;
}

/// How a private key is encrypted.
#[derive(Clone, Copy)]
pub(crate) struct Encryption<'a> {
    pub(crate) cipher: &'a CipherRef,
    pub(crate) passphrase: &'a [u8],
}

/// Writes a public key.
///
/// # Errors
/// OpenSSL's; for a structure the algorithm does not have too.
pub(crate) fn encode_public(
    key: &PKeyRef<Public>,
    structure: Structure,
    pem: bool,
) -> Result<Vec<u8>, ErrorStack> {
    drop(ErrorStack::get());
    if structure != Structure::Pkcs1 {
        return if pem {
            key.public_key_to_pem()
        } else {
            key.public_key_to_der()
        };
    }
    let rsa = key.rsa()?;
    if pem {
        return rsa.public_key_to_pem_pkcs1();
    }
    let bio = MemoryBio::writing()?;
    // SAFETY: stream and key live.
    checked(unsafe { i2d_RSAPublicKey_bio(bio.as_ptr(), rsa.as_ptr()) })?;
    Ok(bio.contents())
}

/// Writes a private key.
///
/// # Errors
/// OpenSSL's; for a structure the algorithm does not have too.
pub(crate) fn encode_private(
    key: &PKeyRef<Private>,
    structure: Structure,
    pem: bool,
    encryption: Option<Encryption<'_>>,
) -> Result<Vec<u8>, ErrorStack> {
    drop(ErrorStack::get());
    let bio = MemoryBio::writing()?;
    match (structure, pem) {
        (Structure::Pkcs1, true) => write_rsa_pem(&bio, key, encryption)?,
        (Structure::Pkcs1, false) => {
            let rsa = key.rsa()?;
            // SAFETY: stream and key live.
            checked(unsafe { i2d_RSAPrivateKey_bio(bio.as_ptr(), rsa.as_ptr()) })?;
        }
        (Structure::Sec1, true) => write_ec_pem(&bio, key, encryption)?,
        (Structure::Sec1, false) => {
            let ec = key.ec_key()?;
            // SAFETY: stream and key live.
            checked(unsafe { i2d_ECPrivateKey_bio(bio.as_ptr(), ec.as_ptr()) })?;
        }
        (Structure::Pkcs8 | Structure::Spki, _) => write_pkcs8(&bio, key, pem, encryption)?,
    }
    Ok(bio.contents())
}

/// An encryption as OpenSSL's calls take it.
struct Parts {
    cipher: *const ffi::EVP_CIPHER,
    passphrase: *const u8,
    len: c_int,
    /// Who would be asked for a passphrase: nobody when there is one, for OpenSSL would prefer the answer.
    ask: ffi::pem_password_cb,
}

/// A passphrase that is empty is still not null: null would make OpenSSL ask for one.
fn parts(encryption: Option<Encryption<'_>>) -> Result<Parts, ErrorStack> {
    Ok(match encryption {
        Some(given) => Parts {
            cipher: given.cipher.as_ptr(),
            passphrase: given.passphrase.as_ptr(),
            len: int(given.passphrase.len())?,
            ask: None,
        },
        None => Parts {
            cipher: std::ptr::null(),
            passphrase: std::ptr::null(),
            len: 0,
            ask: Some(ask),
        },
    })
}

fn write_rsa_pem(
    bio: &MemoryBio<'_>,
    key: &PKeyRef<Private>,
    encryption: Option<Encryption<'_>>,
) -> Result<(), ErrorStack> {
    let rsa = key.rsa()?;
    let parts = parts(encryption)?;
    let mut nothing = Passphrase(None);
    // SAFETY: stream, key, cipher and passphrase live; the callback never prompts.
    checked(unsafe {
        ffi::PEM_write_bio_RSAPrivateKey(
            bio.as_ptr(),
            rsa.as_ptr(),
            parts.cipher,
            parts.passphrase,
            parts.len,
            parts.ask,
            nothing.as_ptr(),
        )
    })
}

fn write_ec_pem(
    bio: &MemoryBio<'_>,
    key: &PKeyRef<Private>,
    encryption: Option<Encryption<'_>>,
) -> Result<(), ErrorStack> {
    let ec = key.ec_key()?;
    let parts = parts(encryption)?;
    let mut nothing = Passphrase(None);
    // SAFETY: stream, key, cipher and passphrase live; the callback never prompts.
    checked(unsafe {
        ffi::PEM_write_bio_ECPrivateKey(
            bio.as_ptr(),
            ec.as_ptr(),
            parts.cipher,
            parts.passphrase,
            parts.len,
            parts.ask,
            nothing.as_ptr(),
        )
    })
}

fn write_pkcs8(
    bio: &MemoryBio<'_>,
    key: &PKeyRef<Private>,
    pem: bool,
    encryption: Option<Encryption<'_>>,
) -> Result<(), ErrorStack> {
    let parts = parts(encryption)?;
    let passphrase = parts.passphrase.cast::<c_char>();
    let mut nothing = Passphrase(None);
    let given = nothing.as_ptr();
    let written = if pem {
        // SAFETY: stream, key, cipher and passphrase live; the callback never prompts.
        unsafe {
            ffi::PEM_write_bio_PKCS8PrivateKey(
                bio.as_ptr(),
                key.as_ptr(),
                parts.cipher,
                passphrase,
                parts.len,
                parts.ask,
                given,
            )
        }
    } else {
        // SAFETY: stream, key, cipher and passphrase live; the callback never prompts.
        unsafe {
            ffi::i2d_PKCS8PrivateKey_bio(
                bio.as_ptr(),
                key.as_ptr(),
                parts.cipher,
                passphrase,
                parts.len,
                parts.ask,
                given,
            )
        }
    };
    checked(written)
}
