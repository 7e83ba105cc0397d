//! The names OpenSSL knows: digests, ciphers, curves, and cipher suites of TLS.

use std::ffi::{CStr, c_char, c_int, c_void};

use foreign_types::{ForeignType as _, ForeignTypeRef as _};
use openssl::cipher::CipherRef;

/// What OpenSSL calls for each algorithm: the algorithm (null for an alias), its name, what the alias stands for, our list.
type Visit = unsafe extern "C" fn(*const c_void, *const c_char, *const c_char, *mut c_void);

#[repr(C)]
#[derive(Clone, Copy)]
struct BuiltinCurve {
    nid: c_int,
    comment: *const c_char,
}

unsafe extern "C" {
    fn EVP_MD_do_all_sorted(visit: Visit, list: *mut c_void);
    fn EVP_CIPHER_do_all_sorted(visit: Visit, list: *mut c_void);
    fn EVP_MD_get0_name(md: *const openssl_sys::EVP_MD) -> *const c_char;
    fn EC_get_builtin_curves(curves: *mut BuiltinCurve, count: usize) -> usize;
    fn SSL_CTX_get_ciphers(
        context: *const openssl_sys::SSL_CTX,
    ) -> *const openssl_sys::OPENSSL_STACK;
}

unsafe extern "C" fn collect(
    _algorithm: *const c_void,
    from: *const c_char,
    _to: *const c_char,
    list: *mut c_void,
) {
    // SAFETY: `list` is the pointer that `sorted` gave, to a vector nobody else uses meanwhile.
    let list = unsafe { &mut *list.cast::<Vec<String>>() };
    if !from.is_null() {
        // SAFETY: OpenSSL gives a C string that lives during the call.
        let name = unsafe { CStr::from_ptr(from) };
        list.push(name.to_string_lossy().into_owned());
    }
}

/// The digests that can be had, by every name they have in OpenSSL's table of objects.
pub(crate) fn digest_names() -> Vec<String> {
    super::init();
    let mut names: Vec<String> = Vec::new();
    // SAFETY: `collect` gets the pointer to `names` and is called only during this call.
    unsafe { EVP_MD_do_all_sorted(collect, std::ptr::from_mut(&mut names).cast()) };
    names.retain(|name| digest_of(name).is_some());
    names
}

/// The ciphers that can be had, by every name they have in OpenSSL's table of objects.
pub(crate) fn cipher_names() -> Vec<String> {
    super::init();
    let mut names: Vec<String> = Vec::new();
    // SAFETY: as for the digests.
    unsafe { EVP_CIPHER_do_all_sorted(collect, std::ptr::from_mut(&mut names).cast()) };
    names.retain(|name| {
        cipher_of(name).is_some_and(|cipher| super::CipherContext::new(cipher, true).is_ok())
    });
    drop(openssl::error::ErrorStack::get());
    names
}

/// The elliptic curves OpenSSL has built in, by their short names.
pub(crate) fn curve_names() -> Vec<String> {
    super::init();
    // SAFETY: a null array of no places only asks for the number.
    let count = unsafe { EC_get_builtin_curves(std::ptr::null_mut(), 0) };
    let empty = BuiltinCurve {
        nid: 0,
        comment: std::ptr::null(),
    };
    let mut curves = vec![empty; count];
    // SAFETY: the array has as many places as the call is told.
    let found = unsafe { EC_get_builtin_curves(curves.as_mut_ptr(), curves.len()) };
    curves.truncate(found);
    curves
        .iter()
        .filter_map(|curve| openssl::nid::Nid::from_raw(curve.nid).short_name().ok())
        .map(str::to_owned)
        .collect()
}

/// The suites of TLS 1.3, some of which OpenSSL offers only when asked. Node lists them all.
const TLS_1_3: [&str; 5] = [
    "tls_aes_256_gcm_sha384",
    "tls_chacha20_poly1305_sha256",
    "tls_aes_128_gcm_sha256",
    "tls_aes_128_ccm_8_sha256",
    "tls_aes_128_ccm_sha256",
];

/// The cipher suites a TLS connection offers by default, and those of TLS 1.3.
pub(crate) fn ssl_cipher_names() -> Vec<String> {
    super::init();
    let Ok(builder) = openssl::ssl::SslContextBuilder::new(openssl::ssl::SslMethod::tls()) else {
        return Vec::new();
    };
    let context = builder.build();
    // SAFETY: the context lives; the stack belongs to it.
    let stack = unsafe { SSL_CTX_get_ciphers(context.as_ptr()) };
    if stack.is_null() {
        return Vec::new();
    }
    // SAFETY: a stack of the living context.
    let count = unsafe { openssl_sys::OPENSSL_sk_num(stack) };
    (0..count)
        .filter_map(|index| {
            // SAFETY: the index is below the stack's length.
            let cipher = unsafe { openssl_sys::OPENSSL_sk_value(stack, index) };
            // SAFETY: an element of a stack of ciphers; ciphers are static.
            let name = unsafe { openssl_sys::SSL_CIPHER_get_name(cipher.cast()) };
            // SAFETY: OpenSSL's names of ciphers are static C strings ("(NONE)" for null).
            let name = unsafe { CStr::from_ptr(name) };
            Some(name.to_str().ok()?.to_ascii_lowercase())
        })
        .chain(TLS_1_3.into_iter().map(str::to_owned))
        .collect()
}

/// The digest of a name: any that OpenSSL knows it by (`sha256`, `SHA2-256`, `RSA-SHA256`, `ssl3-md5`, its number).
pub(crate) fn digest_of(name: &str) -> Option<openssl::md::Md> {
    super::init();
    let text = std::ffi::CString::new(name).ok()?;
    // SAFETY: a C string that lives during the call.
    let known = unsafe { openssl_sys::EVP_get_digestbyname(text.as_ptr()) };
    let canonical = if known.is_null() {
        None
    } else {
        canonical_name(known)
    };
    let digest = openssl::md::Md::fetch(None, canonical.as_deref().unwrap_or(name), None).ok();
    drop(openssl::error::ErrorStack::get());
    digest
}

/// Why a digest that OpenSSL knows by name cannot be had (its provider is not there); `None` for an unknown name.
pub(crate) fn digest_failure(name: &str) -> Option<openssl::error::ErrorStack> {
    let text = std::ffi::CString::new(name).ok()?;
    // SAFETY: a C string that lives during the call.
    let known = unsafe { openssl_sys::EVP_get_digestbyname(text.as_ptr()) };
    if known.is_null() || canonical_name(known).is_some_and(|name| name == "UNDEF") {
        return None;
    }
    // SAFETY: OpenSSL's own static digest.
    let known: &openssl::md::MdRef = unsafe { openssl::md::MdRef::from_ptr(known.cast_mut()) };
    // Node tries both ways, and shows what both say.
    if let Err(stack) = openssl::md::Md::fetch(None, &canonical_name(known.as_ptr())?, None) {
        stack.put();
    }
    super::DigestContext::new(known).err()
}

fn canonical_name(digest: *const openssl_sys::EVP_MD) -> Option<String> {
    // SAFETY: a digest that lives.
    text_of(unsafe { EVP_MD_get0_name(digest) })
}

/// The name by which other algorithms are told of a digest.
pub(crate) fn digest_name(digest: &openssl::md::MdRef) -> String {
    canonical_name(digest.as_ptr()).unwrap_or_default()
}

/// The cipher of a name: any that OpenSSL knows it by (`aes-128-cbc`, `AES128`, `id-aes128-CCM`).
pub(crate) fn cipher_of(name: &str) -> Option<&'static CipherRef> {
    super::init();
    let text = std::ffi::CString::new(name).ok()?;
    // SAFETY: a C string that lives during the call.
    static_cipher(unsafe { openssl_sys::EVP_get_cipherbyname(text.as_ptr()) })
}

/// The cipher of a number of OpenSSL's.
pub(crate) fn cipher_of_nid(nid: i32) -> Option<&'static CipherRef> {
    super::init();
    let name = openssl::nid::Nid::from_raw(nid).short_name().ok()?;
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: a C string that lives during the call.
    static_cipher(unsafe { openssl_sys::EVP_get_cipherbyname(name.as_ptr()) })
}

fn static_cipher(cipher: *const openssl_sys::EVP_CIPHER) -> Option<&'static CipherRef> {
    if cipher.is_null() {
        return None;
    }
    // SAFETY: not null, and what OpenSSL's table of names holds is static.
    Some(unsafe { CipherRef::from_ptr(cipher.cast_mut()) })
}

fn text_of(name: *const c_char) -> Option<String> {
    if name.is_null() {
        return None;
    }
    // SAFETY: not null, and OpenSSL's names are C strings that outlive their algorithm.
    let name = unsafe { CStr::from_ptr(name) };
    name.to_str().ok().map(str::to_owned)
}
