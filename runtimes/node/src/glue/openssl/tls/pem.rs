//! Reading PEM: certificates, revocation lists, private keys, Diffie-Hellman parameters; and PKCS#12.
//!
//! Every reading gives OpenSSL a callback for the pass phrase: without one OpenSSL would ask on the host's terminal.

use std::ffi::{c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

use foreign_types::ForeignType as _;
use openssl::dh::Dh;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Params, Private};
use openssl::stack::Stack;
use openssl::x509::{X509, X509Crl};

use super::ffi;

/// Bytes of PEM, read one after the other.
pub(super) struct PemReader<'a> {
    bio: NonNull<openssl_sys::BIO>,
    bytes: PhantomData<&'a [u8]>,
}

impl Drop for PemReader<'_> {
    fn drop(&mut self) {
        // SAFETY: the BIO is ours and lives.
        unsafe { openssl_sys::BIO_free_all(self.bio.as_ptr()) };
    }
}

/// Has no pass phrase.
unsafe extern "C" fn no_pass_phrase(_: *mut c_char, _: c_int, _: c_int, _: *mut c_void) -> c_int {
    0
}

/// Gives the pass phrase that `argument`, a `*const &[u8]`, points to.
unsafe extern "C" fn given_pass_phrase(
    out: *mut c_char,
    room: c_int,
    _: c_int,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: `private_key` passes the pointer to its own variable, for the length of the reading.
    let phrase = unsafe { *argument.cast::<&[u8]>() };
    let (Ok(len), Ok(room)) = (c_int::try_from(phrase.len()), usize::try_from(room)) else {
        return -1;
    };
    if phrase.len() > room {
        return -1;
    }
    // SAFETY: OpenSSL gives `room` bytes at `out`, which is enough.
    unsafe { std::ptr::copy_nonoverlapping(phrase.as_ptr(), out.cast::<u8>(), phrase.len()) };
    len
}

impl<'a> PemReader<'a> {
    /// Reads these bytes.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, ErrorStack> {
        crate::glue::openssl::init();
        let len = c_int::try_from(bytes.len()).unwrap_or(c_int::MAX);
        // SAFETY: the BIO only reads the bytes, which outlive it by `'a`.
        let bio = unsafe { openssl_sys::BIO_new_mem_buf(bytes.as_ptr().cast(), len) };
        let bio = NonNull::new(bio).ok_or_else(ErrorStack::get)?;
        Ok(Self {
            bio,
            bytes: PhantomData,
        })
    }

    /// The next certificate, trust settings allowed; the error stack says why there is none.
    pub(super) fn trusted_certificate(&mut self) -> Option<X509> {
        // SAFETY: the BIO lives; no object is reused; the callback needs no argument.
        let raw = unsafe {
            ffi::PEM_read_bio_X509_AUX(
                self.bio.as_ptr(),
                std::ptr::null_mut(),
                Some(no_pass_phrase),
                std::ptr::null_mut(),
            )
        };
        // SAFETY: a certificate of ours, if any.
        (!raw.is_null()).then(|| unsafe { X509::from_ptr(raw) })
    }

    /// The next certificate; the error stack says why there is none.
    pub(super) fn certificate(&mut self) -> Option<X509> {
        // SAFETY: as above.
        let raw = unsafe {
            openssl_sys::PEM_read_bio_X509(
                self.bio.as_ptr(),
                std::ptr::null_mut(),
                Some(no_pass_phrase),
                std::ptr::null_mut(),
            )
        };
        // SAFETY: a certificate of ours, if any.
        (!raw.is_null()).then(|| unsafe { X509::from_ptr(raw) })
    }

    /// The next revocation list.
    pub(super) fn revocations(&mut self) -> Option<X509Crl> {
        // SAFETY: as above.
        let raw = unsafe {
            openssl_sys::PEM_read_bio_X509_CRL(
                self.bio.as_ptr(),
                std::ptr::null_mut(),
                Some(no_pass_phrase),
                std::ptr::null_mut(),
            )
        };
        // SAFETY: a list of ours, if any.
        (!raw.is_null()).then(|| unsafe { X509Crl::from_ptr(raw) })
    }

    /// The next private key. Without a pass phrase an encrypted one is tried with an empty one, as Node does.
    pub(super) fn private_key(&mut self, phrase: Option<&[u8]>) -> Option<PKey<Private>> {
        let mut phrase = phrase.unwrap_or_default();
        // SAFETY: as above; the callback gets the pointer it expects, which lives during the call.
        let raw = unsafe {
            openssl_sys::PEM_read_bio_PrivateKey(
                self.bio.as_ptr(),
                std::ptr::null_mut(),
                Some(given_pass_phrase),
                std::ptr::from_mut(&mut phrase).cast(),
            )
        };
        // SAFETY: a private key of ours, if any.
        (!raw.is_null()).then(|| unsafe { PKey::from_ptr(raw) })
    }

    /// The next Diffie-Hellman parameters.
    pub(super) fn dh_parameters(&mut self) -> Option<Dh<Params>> {
        // SAFETY: as above.
        let raw = unsafe {
            openssl_sys::PEM_read_bio_DHparams(
                self.bio.as_ptr(),
                std::ptr::null_mut(),
                Some(no_pass_phrase),
                std::ptr::null_mut(),
            )
        };
        // SAFETY: parameters of ours, if any.
        (!raw.is_null()).then(|| unsafe { Dh::from_ptr(raw) })
    }
}

/// Whether reading ended because there was nothing more.
pub(super) fn is_end_of_pem(errors: &ErrorStack) -> bool {
    const ERR_LIB_PEM: c_int = 9;
    const PEM_R_NO_START_LINE: c_int = 108;
    errors.errors().last().is_none_or(|error| {
        error.library_code() == ERR_LIB_PEM && error.reason_code() == PEM_R_NO_START_LINE
    })
}

/// All certificates in these bytes, up to the first that cannot be read.
pub(crate) fn certificates_of_pem(bytes: &[u8]) -> Result<Vec<X509>, ErrorStack> {
    let mut reader = PemReader::new(bytes)?;
    let mut certificates = Vec::new();
    // SAFETY: always sound.
    unsafe { openssl_sys::ERR_clear_error() };
    while let Some(certificate) = reader.certificate() {
        certificates.push(certificate);
    }
    let errors = ErrorStack::get();
    if is_end_of_pem(&errors) {
        Ok(certificates)
    } else {
        Err(errors)
    }
}

/// What a PKCS#12 file holds.
pub(super) struct Bundle {
    pub(super) key: Option<PKey<Private>>,
    pub(super) certificate: Option<X509>,
    pub(super) others: Vec<X509>,
}

unsafe extern "C" {
    fn d2i_PKCS12_bio(
        bio: *mut openssl_sys::BIO,
        reuse: *mut *mut openssl_sys::PKCS12,
    ) -> *mut openssl_sys::PKCS12;
}

/// Reads the outer structure as Node does, from a BIO: what is wrong with it is worded differently in memory.
fn read_pkcs12(bytes: &[u8]) -> Result<openssl::pkcs12::Pkcs12, ErrorStack> {
    let reader = PemReader::new(bytes)?;
    // SAFETY: the BIO lives; nothing is to be reused.
    let file = unsafe { d2i_PKCS12_bio(reader.bio.as_ptr(), std::ptr::null_mut()) };
    if file.is_null() {
        return Err(ErrorStack::get());
    }
    // SAFETY: a new structure that nobody else owns.
    Ok(unsafe { openssl::pkcs12::Pkcs12::from_ptr(file) })
}

/// Opens a PKCS#12 file.
pub(super) fn open_pkcs12(bytes: &[u8], phrase: Option<&[u8]>) -> Result<Bundle, ErrorStack> {
    crate::glue::openssl::init();
    let file = read_pkcs12(bytes)?;
    let phrase: Option<Vec<u8>> = phrase.map(|phrase| {
        // A C string ends at the first NUL.
        phrase
            .iter()
            .copied()
            .take_while(|byte| *byte != 0)
            .chain([0])
            .collect()
    });
    let phrase = phrase
        .as_ref()
        .map_or(std::ptr::null(), |phrase| phrase.as_ptr().cast::<c_char>());
    let (mut key, mut certificate, mut others) = (
        std::ptr::null_mut(),
        std::ptr::null_mut(),
        std::ptr::null_mut(),
    );
    // SAFETY: the file lives, the phrase is null or ends with NUL, and the places are for what OpenSSL makes for us.
    let opened = unsafe {
        openssl_sys::PKCS12_parse(
            file.as_ptr(),
            phrase,
            &raw mut key,
            &raw mut certificate,
            &raw mut others,
        )
    };
    if opened != 1 {
        return Err(ErrorStack::get());
    }
    // SAFETY: a key of ours, if any.
    let key = (!key.is_null()).then(|| unsafe { PKey::from_ptr(key) });
    // SAFETY: a certificate of ours, if any.
    let certificate = (!certificate.is_null()).then(|| unsafe { X509::from_ptr(certificate) });
    // SAFETY: a stack of ours, if any.
    let others = (!others.is_null()).then(|| unsafe { Stack::<X509>::from_ptr(others) });
    let others = others.map_or_else(Vec::new, |stack| stack.into_iter().collect());
    Ok(Bundle {
        key,
        certificate,
        others,
    })
}
