//! Making keys, with a way to stop: big primes take minutes, and a process that is killed must not hold a thread that long. Node: `KeyGenTraits` of `src/crypto/crypto_{rsa,dsa,ec,dh,keygen}.cc`.

use std::ffi::{c_int, c_void};

use foreign_types::{ForeignType as _, ForeignTypeRef as _};
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::md::MdRef;
use openssl::pkey::{Id, PKey, PKeyRef, Params, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl_sys as ffi;

use super::diffie_hellman::parameters_key;
use super::key::{NamedAlgorithm, owned};
use super::memory::checked;

type Progress = Option<unsafe extern "C" fn(*mut ffi::EVP_PKEY_CTX) -> c_int>;

unsafe extern "C" {
    fn EVP_PKEY_CTX_set_cb(context: *mut ffi::EVP_PKEY_CTX, progress: Progress);
    fn EVP_PKEY_CTX_set_app_data(context: *mut ffi::EVP_PKEY_CTX, data: *mut c_void);
    fn EVP_PKEY_CTX_get_app_data(context: *mut ffi::EVP_PKEY_CTX) -> *mut c_void;
    fn EVP_PKEY_CTX_set_rsa_pss_keygen_md(
        context: *mut ffi::EVP_PKEY_CTX,
        md: *const ffi::EVP_MD,
    ) -> c_int;
    fn EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(
        context: *mut ffi::EVP_PKEY_CTX,
        md: *const ffi::EVP_MD,
    ) -> c_int;
    fn EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(
        context: *mut ffi::EVP_PKEY_CTX,
        len: c_int,
    ) -> c_int;
    fn EVP_PKEY_CTX_set_dsa_paramgen_q_bits(context: *mut ffi::EVP_PKEY_CTX, bits: c_int) -> c_int;
    fn EVP_PKEY_CTX_set_ec_param_enc(context: *mut ffi::EVP_PKEY_CTX, encoding: c_int) -> c_int;
    fn EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context: *mut ffi::EVP_PKEY_CTX, nid: c_int)
    -> c_int;
    fn EVP_PKEY_CTX_set_dh_paramgen_generator(
        context: *mut ffi::EVP_PKEY_CTX,
        generator: c_int,
    ) -> c_int;
    fn EVP_PKEY_CTX_set_dh_paramgen_prime_len(
        context: *mut ffi::EVP_PKEY_CTX,
        bits: c_int,
    ) -> c_int;
    fn EVP_PKEY_CTX_set_dsa_paramgen_bits(context: *mut ffi::EVP_PKEY_CTX, bits: c_int) -> c_int;
}

/// Asked now and then while a key is made; `true` ends the making.
pub(crate) type Stop = Box<dyn Fn() -> bool + Send>;

/// What RSA-PSS binds a key to.
#[derive(Default)]
pub(crate) struct PssRestrictions<'a> {
    pub(crate) digest: Option<&'a MdRef>,
    pub(crate) mgf1_digest: Option<&'a MdRef>,
    pub(crate) salt_len: Option<i32>,
}

/// What OpenSSL calls while it looks for primes.
unsafe extern "C" fn progress(context: *mut ffi::EVP_PKEY_CTX) -> c_int {
    // SAFETY: the context lives during the call.
    let data = unsafe { EVP_PKEY_CTX_get_app_data(context) };
    if data.is_null() {
        return 1;
    }
    // SAFETY: `watch` stored a pointer to a `Stop` that outlives the generation.
    let stop = unsafe { &*data.cast::<Stop>() };
    c_int::from(!stop())
}

fn watch<T>(context: &PkeyCtx<T>, stop: &Stop) {
    let data = std::ptr::from_ref(stop).cast_mut().cast::<c_void>();
    // SAFETY: the context lives; what `data` points to outlives it in every function of this file.
    unsafe { EVP_PKEY_CTX_set_app_data(context.as_ptr(), data) };
    // SAFETY: the context lives; the callback is a function.
    unsafe { EVP_PKEY_CTX_set_cb(context.as_ptr(), Some(progress)) };
}

/// The largest RSA key that is made. OpenSSL verifies nothing larger.
pub(crate) const RSA_MOST_BITS: u32 = 16384;

/// Makes an RSA key; with restrictions, one for RSA-PSS only.
///
/// # Errors
/// OpenSSL's.
pub(crate) fn generate_rsa(
    bits: u32,
    exponent: u32,
    pss: Option<&PssRestrictions<'_>>,
    stop: &Stop,
) -> Result<PKey<Private>, ErrorStack> {
    super::init();
    let mut context = PkeyCtx::new_id(if pss.is_some() { Id::RSA_PSS } else { Id::RSA })?;
    context.keygen_init()?;
    context.set_rsa_keygen_bits(bits)?;
    let exponent = BigNum::from_u32(exponent)?;
    context.set_rsa_keygen_pubexp(&exponent)?;
    if let Some(pss) = pss {
        restrict(&context, pss)?;
    }
    watch(&context, stop);
    context.keygen()
}

fn restrict(context: &PkeyCtx<()>, pss: &PssRestrictions<'_>) -> Result<(), ErrorStack> {
    if let Some(digest) = pss.digest {
        // SAFETY: context and digest live.
        checked(unsafe { EVP_PKEY_CTX_set_rsa_pss_keygen_md(context.as_ptr(), digest.as_ptr()) })?;
    }
    // The mask's digest is the message's, and the salt as long, unless said otherwise (RFC 8017; OpenSSL 3 takes SHA-1).
    if let Some(digest) = pss.mgf1_digest.or(pss.digest) {
        // SAFETY: context and digest live.
        checked(unsafe {
            EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(context.as_ptr(), digest.as_ptr())
        })?;
    }
    let digest_len = pss
        .digest
        .and_then(|digest| i32::try_from(digest.size()).ok());
    if let Some(len) = pss.salt_len.or(digest_len) {
        // SAFETY: the context lives.
        checked(unsafe { EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(context.as_ptr(), len) })?;
    }
    Ok(())
}

/// Makes DSA parameters and a key of them.
///
/// # Errors
/// OpenSSL's.
pub(crate) fn generate_dsa(
    bits: i32,
    divisor_bits: Option<i32>,
    stop: &Stop,
) -> Result<PKey<Private>, ErrorStack> {
    super::init();
    let mut context = PkeyCtx::new_id(Id::DSA)?;
    context.paramgen_init()?;
    // SAFETY: the context lives.
    checked(unsafe { EVP_PKEY_CTX_set_dsa_paramgen_bits(context.as_ptr(), bits) })?;
    if let Some(divisor_bits) = divisor_bits {
        // SAFETY: the context lives.
        checked(unsafe { EVP_PKEY_CTX_set_dsa_paramgen_q_bits(context.as_ptr(), divisor_bits) })?;
    }
    watch(&context, stop);
    let parameters = context.paramgen()?;
    from_parameters(&parameters, stop)
}

/// Makes a key on an elliptic curve; `encoding` is `OPENSSL_EC_…`.
///
/// # Errors
/// OpenSSL's.
pub(crate) fn generate_ec(
    nid: i32,
    encoding: i32,
    stop: &Stop,
) -> Result<PKey<Private>, ErrorStack> {
    super::init();
    let mut context = PkeyCtx::new_id(Id::EC)?;
    context.paramgen_init()?;
    // SAFETY: the context lives.
    checked(unsafe { EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context.as_ptr(), nid) })?;
    // SAFETY: the context lives.
    checked(unsafe { EVP_PKEY_CTX_set_ec_param_enc(context.as_ptr(), encoding) })?;
    let parameters = context.paramgen()?;
    from_parameters(&parameters, stop)
}

/// The prime of a Diffie-Hellman key: given, or to be found.
#[derive(Debug)]
pub(crate) enum Prime {
    Given(Vec<u8>),
    Bits(i32),
}

/// Makes a Diffie-Hellman key.
///
/// # Errors
/// OpenSSL's.
pub(crate) fn generate_dh(
    prime: &Prime,
    generator: i32,
    stop: &Stop,
) -> Result<PKey<Private>, ErrorStack> {
    super::init();
    let parameters = match prime {
        Prime::Given(prime) => parameters_key(prime, generator)?,
        Prime::Bits(bits) => {
            let mut context = PkeyCtx::new_id(Id::DH)?;
            context.paramgen_init()?;
            // SAFETY: the context lives.
            checked(unsafe { EVP_PKEY_CTX_set_dh_paramgen_prime_len(context.as_ptr(), *bits) })?;
            // SAFETY: the context lives.
            checked(unsafe {
                EVP_PKEY_CTX_set_dh_paramgen_generator(context.as_ptr(), generator)
            })?;
            watch(&context, stop);
            context.paramgen()?
        }
    };
    from_parameters(&parameters, stop)
}

fn from_parameters(parameters: &PKeyRef<Params>, stop: &Stop) -> Result<PKey<Private>, ErrorStack> {
    let mut context = PkeyCtx::new(parameters)?;
    context.keygen_init()?;
    watch(&context, stop);
    context.keygen()
}

/// Makes a key of an algorithm that needs no parameters.
///
/// # Errors
/// OpenSSL's.
pub(crate) fn generate_named(algorithm: &NamedAlgorithm) -> Result<PKey<Private>, ErrorStack> {
    super::init();
    // SAFETY: the name lives; no properties and the default library are allowed.
    let context = unsafe {
        ffi::EVP_PKEY_CTX_new_from_name(
            std::ptr::null_mut(),
            algorithm.c_name().as_ptr(),
            std::ptr::null(),
        )
    };
    if context.is_null() {
        return Err(ErrorStack::get());
    }
    // SAFETY: a new context, ours.
    let context: PkeyCtx<()> = unsafe { PkeyCtx::from_ptr(context) };
    // SAFETY: the context lives.
    checked(unsafe { ffi::EVP_PKEY_keygen_init(context.as_ptr()) })?;
    let mut key = std::ptr::null_mut();
    // SAFETY: the context is ready; the place for the key is ours.
    checked(unsafe { ffi::EVP_PKEY_keygen(context.as_ptr(), &raw mut key) })?;
    // SAFETY: a new private key, or null.
    unsafe { owned(key) }
}
