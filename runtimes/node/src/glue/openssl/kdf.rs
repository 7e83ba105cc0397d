//! Deriving keys: any `EVP_KDF` by name, PBKDF2, and scrypt.

use std::ffi::{CStr, c_int};

use foreign_types::ForeignTypeRef as _;
use openssl::error::ErrorStack;
use openssl::md::MdRef;

use super::params::{Param, Params};

/// Fills `out` by the function of this name (`ARGON2ID`, `HKDF`…).
///
/// # Errors
/// OpenSSL's.
pub(crate) fn derive(name: &CStr, params: &[Param<'_>], out: &mut [u8]) -> Result<(), ErrorStack> {
    super::init();
    let params = Params::new(params)?;
    // SAFETY: a C string; the default library context.
    let kdf = unsafe {
        openssl_sys::EVP_KDF_fetch(std::ptr::null_mut(), name.as_ptr(), std::ptr::null())
    };
    if kdf.is_null() {
        return Err(ErrorStack::get());
    }
    // SAFETY: the function lives; a context holds its own reference to it.
    let context = unsafe { openssl_sys::EVP_KDF_CTX_new(kdf) };
    // SAFETY: our reference, given back once.
    unsafe { openssl_sys::EVP_KDF_free(kdf) };
    if context.is_null() {
        return Err(ErrorStack::get());
    }
    // SAFETY: the output has the length that is told, the parameters live.
    let derived = unsafe {
        openssl_sys::EVP_KDF_derive(context, out.as_mut_ptr(), out.len(), params.as_ptr())
    };
    let outcome = if derived == 1 {
        Ok(())
    } else {
        Err(ErrorStack::get())
    };
    // SAFETY: our context, freed once.
    unsafe { openssl_sys::EVP_KDF_CTX_free(context) };
    outcome
}

fn int(len: usize) -> Result<c_int, ErrorStack> {
    c_int::try_from(len).map_err(|_| ErrorStack::get())
}

/// Fills `out` by PBKDF2 with HMAC.
///
/// # Errors
/// OpenSSL's; sizes past `int`.
pub(crate) fn pbkdf2(
    digest: &MdRef,
    password: &[u8],
    salt: &[u8],
    iterations: c_int,
    out: &mut [u8],
) -> Result<(), ErrorStack> {
    let (password_len, salt_len, out_len) =
        (int(password.len())?, int(salt.len())?, int(out.len())?);
    // SAFETY: every pointer has the length that goes with it; the digest lives.
    let derived = unsafe {
        openssl_sys::PKCS5_PBKDF2_HMAC(
            password.as_ptr().cast(),
            password_len,
            salt.as_ptr(),
            salt_len,
            iterations,
            digest.as_ptr(),
            out_len,
            out.as_mut_ptr(),
        )
    };
    if derived == 1 {
        Ok(())
    } else {
        Err(ErrorStack::get())
    }
}

/// The costs of scrypt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScryptCost {
    /// `N`.
    pub(crate) cost: u64,
    /// `r`.
    pub(crate) block_size: u64,
    /// `p`.
    pub(crate) parallelization: u64,
    /// How many bytes it may use.
    pub(crate) memory: u64,
}

/// Fills `out` by scrypt; without `out` only says whether the costs are allowed.
///
/// # Errors
/// OpenSSL's.
pub(crate) fn scrypt(
    password: &[u8],
    salt: &[u8],
    cost: ScryptCost,
    out: Option<&mut [u8]>,
) -> Result<(), ErrorStack> {
    let (key, key_len) = out.map_or((std::ptr::null_mut(), 0), |out| {
        (out.as_mut_ptr(), out.len())
    });
    // SAFETY: every pointer has the length that goes with it; a null key is allowed and only checks.
    let derived = unsafe {
        openssl_sys::EVP_PBE_scrypt(
            password.as_ptr().cast(),
            password.len(),
            salt.as_ptr(),
            salt.len(),
            cost.cost,
            cost.block_size,
            cost.parallelization,
            cost.memory,
            key,
            key_len,
        )
    };
    if derived == 1 {
        Ok(())
    } else {
        Err(ErrorStack::get())
    }
}
