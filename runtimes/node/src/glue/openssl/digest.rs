//! Digests under way: [`DigestContext`], over `EVP_MD_CTX`. The `openssl` crate's own context cannot be copied.

use foreign_types::{ForeignType as _, ForeignTypeRef as _};
use openssl::error::ErrorStack;
use openssl::md::MdRef;

use std::ffi::{c_int, c_ulong};

/// From openssl/evp.h: the digest has any length.
const EVP_MD_FLAG_XOF: c_ulong = 0x2;

unsafe extern "C" {
    fn EVP_MD_get_flags(md: *const openssl_sys::EVP_MD) -> c_ulong;
    fn EVP_MD_CTX_copy_ex(
        to: *mut openssl_sys::EVP_MD_CTX,
        from: *const openssl_sys::EVP_MD_CTX,
    ) -> c_int;
}

/// Whether a digest's output has any length (SHAKE).
pub(crate) fn is_extendable(digest: &MdRef) -> bool {
    // SAFETY: the digest lives.
    let flags = unsafe { EVP_MD_get_flags(digest.as_ptr()) };
    flags & EVP_MD_FLAG_XOF != 0
}

/// A digest under way.
pub(crate) struct DigestContext(openssl::md_ctx::MdCtx);

impl std::fmt::Debug for DigestContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestContext")
    }
}

impl DigestContext {
    /// Begins a digest.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn new(digest: &MdRef) -> Result<Self, ErrorStack> {
        super::init();
        let mut context = openssl::md_ctx::MdCtx::new()?;
        context.digest_init(digest)?;
        Ok(Self(context))
    }

    /// A copy in the same state.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn copy(&self) -> Result<Self, ErrorStack> {
        let context = openssl::md_ctx::MdCtx::new()?;
        // SAFETY: both contexts live, and they are two.
        let copied = unsafe { EVP_MD_CTX_copy_ex(context.as_ptr(), self.0.as_ptr()) };
        if copied == 1 {
            Ok(Self(context))
        } else {
            Err(ErrorStack::get())
        }
    }

    /// Takes more bytes.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn update(&mut self, bytes: &[u8]) -> Result<(), ErrorStack> {
        self.0.digest_update(bytes)
    }

    /// Ends with a digest of the usual length.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn finish(&mut self, len: usize) -> Result<Vec<u8>, ErrorStack> {
        let mut out = vec![0; len];
        let written = self.0.digest_final(&mut out)?;
        out.truncate(written);
        Ok(out)
    }

    /// Ends with a digest of the wanted length; only for digests that are [extendable](is_extendable).
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn finish_extended(&mut self, mut out: Vec<u8>) -> Result<Vec<u8>, ErrorStack> {
        self.0.digest_final_xof(&mut out)?;
        Ok(out)
    }
}
