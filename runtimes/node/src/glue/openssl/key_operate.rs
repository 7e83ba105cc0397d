//! What keys do beyond the `openssl` crate: checks of elliptic keys, key encapsulation, the restrictions of RSA-PSS keys, curve names. Node: `KEM`, `Rsa::getPssParams`, `Ec::GetCurveIdFromName` in deps/ncrypto.

use std::ffi::{CStr, CString, c_char, c_int};

use foreign_types::{ForeignType as _, ForeignTypeRef as _};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKeyRef, Private, Public};
use openssl::pkey_ctx::{PkeyCtx, PkeyCtxRef};
use openssl_sys as ffi;

use super::key::Algorithm;
use super::memory::checked;
use super::params::{Param, Params};

/// `RSA_PSS_PARAMS` of openssl/rsa.h.
#[repr(C)]
struct PssParameters {
    hash_algorithm: *mut ffi::X509_ALGOR,
    mask_gen_algorithm: *mut ffi::X509_ALGOR,
    salt_length: *mut ffi::ASN1_INTEGER,
    trailer_field: *mut ffi::ASN1_INTEGER,
    mask_hash: *mut ffi::X509_ALGOR,
}

unsafe extern "C" {
    fn RSA_get0_pss_params(rsa: *const ffi::RSA) -> *const PssParameters;
    fn EC_curve_nist2nid(name: *const c_char) -> c_int;
    fn EC_curve_nid2nist(nid: c_int) -> *const c_char;
}

/// What an RSA-PSS key is bound to.
#[derive(Debug)]
pub(crate) struct PssDetails {
    pub(crate) digest: &'static str,
    /// `None` when the mask is not MGF1.
    pub(crate) mgf1_digest: Option<&'static str>,
    pub(crate) salt_len: i64,
}

/// The object an algorithm identifier names.
fn nid_of(algorithm: *const ffi::X509_ALGOR) -> Option<Nid> {
    if algorithm.is_null() {
        return None;
    }
    let mut object = std::ptr::null();
    // SAFETY: the algorithm lives with its key; only the object is asked for.
    unsafe {
        ffi::X509_ALGOR_get0(
            &raw mut object,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            algorithm,
        );
    };
    // SAFETY: the object lives with the algorithm.
    Some(Nid::from_raw(unsafe { ffi::OBJ_obj2nid(object) }))
}

/// The restrictions of an RSA-PSS key; `None` when it has none.
pub(crate) fn pss_details<T>(key: &PKeyRef<T>) -> Option<PssDetails> {
    const DEFAULT_SALT_LEN: i64 = 20;
    let rsa = key.rsa().ok()?;
    // SAFETY: the key lives.
    let parameters = unsafe { RSA_get0_pss_params(rsa.as_ptr()) };
    // SAFETY: null, or it lives as long as the key.
    let parameters = unsafe { parameters.as_ref() }?;
    let sha1 = Nid::SHA1.long_name().unwrap_or("sha1");
    let digest =
        nid_of(parameters.hash_algorithm).map_or(sha1, |nid| nid.long_name().unwrap_or(sha1));
    let mgf1_digest = match nid_of(parameters.mask_gen_algorithm) {
        None => Some(sha1),
        Some(nid) if nid == Nid::MGF1 => {
            nid_of(parameters.mask_hash).and_then(|nid| nid.long_name().ok())
        }
        Some(_) => None,
    };
    let salt_len = if parameters.salt_length.is_null() {
        DEFAULT_SALT_LEN
    } else {
        // SAFETY: not null; lives with the key.
        unsafe { ffi::ASN1_INTEGER_get(parameters.salt_length) }
    };
    Some(PssDetails {
        digest,
        mgf1_digest,
        salt_len,
    })
}

/// The curve of a name: NIST's (`P-256`) or OpenSSL's (`prime256v1`).
pub(crate) fn curve_named(name: &str) -> Option<Nid> {
    super::init();
    let name = CString::new(name).ok()?;
    // SAFETY: the name lives.
    let nist = unsafe { EC_curve_nist2nid(name.as_ptr()) };
    if nist != ffi::NID_undef {
        return Some(Nid::from_raw(nist));
    }
    // SAFETY: the name lives.
    let nid = unsafe { ffi::OBJ_sn2nid(name.as_ptr()) };
    (nid != ffi::NID_undef).then(|| Nid::from_raw(nid))
}

/// The curve of a short name of OpenSSL's.
pub(crate) fn curve_short_named(name: &str) -> Option<Nid> {
    super::init();
    let name = CString::new(name).ok()?;
    // SAFETY: the name lives.
    let nid = unsafe { ffi::OBJ_sn2nid(name.as_ptr()) };
    (nid != ffi::NID_undef).then(|| Nid::from_raw(nid))
}

/// NIST's name of a curve.
pub(crate) fn nist_name(curve: Nid) -> Option<String> {
    // SAFETY: any number may be asked for.
    let name = unsafe { EC_curve_nid2nist(curve.as_raw()) };
    if name.is_null() {
        return None;
    }
    // SAFETY: a static C string.
    Some(
        unsafe { CStr::from_ptr(name) }
            .to_string_lossy()
            .into_owned(),
    )
}

/// Whether the public half is a valid key of its algorithm.
pub(crate) fn is_valid_public(key: &PKeyRef<Public>) -> bool {
    PkeyCtx::new(key).is_ok_and(|context| {
        // SAFETY: the context lives.
        unsafe { ffi::EVP_PKEY_public_check(context.as_ptr()) == 1 }
    })
}

/// Whether private and public half belong together.
pub(crate) fn is_valid_pair(key: &PKeyRef<Private>) -> bool {
    PkeyCtx::new(key).is_ok_and(|context| {
        // SAFETY: the context lives.
        unsafe { ffi::EVP_PKEY_check(context.as_ptr()) == 1 }
    })
}

/// A shared key and what the other side needs to get it.
#[derive(Debug)]
pub(crate) struct Encapsulated {
    pub(crate) shared_key: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
}

/// Makes a shared key for the owner of a public key.
///
/// # Errors
/// OpenSSL's.
pub(crate) fn encapsulate(key: &PKeyRef<Public>) -> Result<Encapsulated, ErrorStack> {
    let context = PkeyCtx::new(key)?;
    // SAFETY: the context lives; no parameters are allowed.
    checked(unsafe { ffi::EVP_PKEY_encapsulate_init(context.as_ptr(), std::ptr::null()) })?;
    let (mut ciphertext_len, mut shared_len) = (0, 0);
    // SAFETY: null places ask for the lengths.
    checked(unsafe {
        ffi::EVP_PKEY_encapsulate(
            context.as_ptr(),
            std::ptr::null_mut(),
            &raw mut ciphertext_len,
            std::ptr::null_mut(),
            &raw mut shared_len,
        )
    })?;
    let mut ciphertext = vec![0; ciphertext_len];
    let mut shared_key = vec![0; shared_len];
    // SAFETY: the places are as long as OpenSSL asked.
    checked(unsafe {
        ffi::EVP_PKEY_encapsulate(
            context.as_ptr(),
            ciphertext.as_mut_ptr(),
            &raw mut ciphertext_len,
            shared_key.as_mut_ptr(),
            &raw mut shared_len,
        )
    })?;
    ciphertext.truncate(ciphertext_len);
    shared_key.truncate(shared_len);
    Ok(Encapsulated {
        shared_key,
        ciphertext,
    })
}

/// The shared key of a ciphertext.
///
/// # Errors
/// OpenSSL's.
pub(crate) fn decapsulate(
    key: &PKeyRef<Private>,
    ciphertext: &[u8],
) -> Result<Vec<u8>, ErrorStack> {
    let context = PkeyCtx::new(key)?;
    // SAFETY: the context lives; no parameters are allowed.
    checked(unsafe { ffi::EVP_PKEY_decapsulate_init(context.as_ptr(), std::ptr::null()) })?;
    let mut len = 0;
    // SAFETY: a null place asks for the length; the ciphertext lives.
    checked(unsafe {
        ffi::EVP_PKEY_decapsulate(
            context.as_ptr(),
            std::ptr::null_mut(),
            &raw mut len,
            ciphertext.as_ptr(),
            ciphertext.len(),
        )
    })?;
    let mut shared_key = vec![0; len];
    // SAFETY: the place is as long as OpenSSL asked; the ciphertext lives.
    checked(unsafe {
        ffi::EVP_PKEY_decapsulate(
            context.as_ptr(),
            shared_key.as_mut_ptr(),
            &raw mut len,
            ciphertext.as_ptr(),
            ciphertext.len(),
        )
    })?;
    shared_key.truncate(len);
    Ok(shared_key)
}

/// Makes a signature be over a context string too.
///
/// # Errors
/// OpenSSL's.
pub(crate) fn set_signature_context<T>(
    context: &mut PkeyCtxRef<T>,
    algorithm: Algorithm,
    bytes: &[u8],
) -> Result<(), ErrorStack> {
    let string = Param::Bytes(c"context-string", bytes);
    // Ed25519 proper has no context: RFC 8032 has a variant that does.
    let variant = Param::Text(c"instance", "Ed25519ctx");
    let params = match algorithm {
        Algorithm::Named(named) if named.name == "Ed25519" => Params::new(&[variant, string])?,
        _ => Params::new(&[string])?,
    };
    // SAFETY: context and parameters live.
    checked(unsafe { ffi::EVP_PKEY_CTX_set_params(context.as_ptr(), params.as_ptr()) })
}
