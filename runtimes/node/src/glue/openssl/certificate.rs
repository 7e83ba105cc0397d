//! Certificates beyond the `openssl` crate: reading either encoding, and checks of names and keys. Node: `X509View` in deps/ncrypto.

use std::ffi::{CStr, CString, c_char, c_int};

use foreign_types::{ForeignType as _, ForeignTypeRef as _};
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::pkey::{PKeyRef, Private};
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use super::memory::{MemoryBio, Passphrase, ask};

unsafe extern "C" {
    fn PEM_read_bio_X509_AUX(
        bio: *mut ffi::BIO,
        out: *mut *mut ffi::X509,
        callback: ffi::pem_password_cb,
        given: *mut std::ffi::c_void,
    ) -> *mut ffi::X509;
    fn X509_check_ca(certificate: *mut ffi::X509) -> c_int;
    fn X509_check_private_key(certificate: *const ffi::X509, key: *const ffi::EVP_PKEY) -> c_int;
    fn EC_KEY_get_conv_form(key: *const ffi::EC_KEY) -> c_int;
}

/// A certificate from PEM or DER.
///
/// # Errors
/// OpenSSL's of both attempts.
pub(crate) fn parse_certificate(bytes: &[u8]) -> Result<X509, ErrorStack> {
    super::init();
    drop(ErrorStack::get());
    let bio = MemoryBio::reading(bytes)?;
    let mut nothing = Passphrase(None);
    // SAFETY: stream and passphrase outlive the call; the callback never prompts.
    let raw = unsafe {
        PEM_read_bio_X509_AUX(
            bio.as_ptr(),
            std::ptr::null_mut(),
            Some(ask),
            nothing.as_ptr(),
        )
    };
    let of_pem = ErrorStack::get();
    if raw.is_null() {
        // As Node: what counts is why it is no PEM.
        return X509::from_der(bytes).map_err(|_| of_pem);
    }
    // SAFETY: not null, a new certificate of ours.
    Ok(unsafe { X509::from_ptr(raw) })
}

/// Whether the certificate may sign others.
pub(crate) fn is_ca(certificate: &X509Ref) -> bool {
    // SAFETY: the certificate lives.
    let answer = unsafe { X509_check_ca(certificate.as_ptr()) };
    drop(ErrorStack::get());
    answer == 1
}

/// Whether a name is the certificate's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum NameCheck {
    /// It is; and the name in the certificate that says so, where OpenSSL tells.
    Match(Option<String>),
    NoMatch,
    /// It is no name.
    Invalid,
    Failed,
}

impl NameCheck {
    fn of(answer: c_int, peer: Option<String>) -> Self {
        drop(ErrorStack::get());
        match answer {
            1 => Self::Match(peer),
            0 => Self::NoMatch,
            -2 => Self::Invalid,
            _ => Self::Failed,
        }
    }
}

/// A name with a NUL after it: OpenSSL takes a length of 0 for "up to the NUL".
fn terminated(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// Whether the certificate is a host's; `flags` are `X509_CHECK_FLAG_…`.
pub(crate) fn check_host(certificate: &X509Ref, host: &str, flags: u32) -> NameCheck {
    let text = terminated(host);
    let mut peer: *mut c_char = std::ptr::null_mut();
    // SAFETY: certificate and name live, the name ends with a NUL; the place for the peer's name is ours.
    let answer = unsafe {
        ffi::X509_check_host(
            certificate.as_ptr(),
            text.as_ptr().cast::<c_char>(),
            host.len(),
            flags,
            &raw mut peer,
        )
    };
    if peer.is_null() {
        return NameCheck::of(answer, None);
    }
    // SAFETY: OpenSSL allocated a C string there.
    let name = unsafe { CStr::from_ptr(peer) }
        .to_string_lossy()
        .into_owned();
    // SAFETY: OpenSSL's allocation, freed once.
    unsafe { ffi::OPENSSL_free(peer.cast()) };
    NameCheck::of(answer, Some(name))
}

/// Whether the certificate is a mail address's.
pub(crate) fn check_email(certificate: &X509Ref, address: &str, flags: u32) -> NameCheck {
    let text = terminated(address);
    // SAFETY: certificate and address live, the address ends with a NUL.
    let answer = unsafe {
        ffi::X509_check_email(
            certificate.as_ptr(),
            text.as_ptr().cast::<c_char>(),
            address.len(),
            flags,
        )
    };
    NameCheck::of(answer, None)
}

/// Whether the certificate is an IP address's.
pub(crate) fn check_ip(certificate: &X509Ref, address: &str, flags: u32) -> NameCheck {
    let Ok(address) = CString::new(address) else {
        return NameCheck::Invalid;
    };
    // SAFETY: certificate and address live.
    let answer = unsafe { ffi::X509_check_ip_asc(certificate.as_ptr(), address.as_ptr(), flags) };
    NameCheck::of(answer, None)
}

/// Whether a private key is that of the certificate's public key.
pub(crate) fn check_private_key(certificate: &X509Ref, key: &PKeyRef<Private>) -> bool {
    // SAFETY: certificate and key live.
    let answer = unsafe { X509_check_private_key(certificate.as_ptr(), key.as_ptr()) };
    drop(ErrorStack::get());
    answer == 1
}

/// Seconds since 1970 of a time in a certificate; `None` when it is no time.
pub(crate) fn seconds_of(time: &Asn1TimeRef) -> Option<f64> {
    const SECONDS_A_DAY: f64 = 86400.0;
    let epoch = Asn1Time::from_unix(0).ok()?;
    let difference = epoch.diff(time).ok()?;
    Some(f64::from(difference.days).mul_add(SECONDS_A_DAY, f64::from(difference.secs)))
}

/// The point form a key on an elliptic curve was given in, as `POINT_CONVERSION_…`.
pub(crate) fn point_form<T>(key: &openssl::ec::EcKeyRef<T>) -> i32 {
    // SAFETY: the key lives.
    unsafe { EC_KEY_get_conv_form(key.as_ptr()) }
}
