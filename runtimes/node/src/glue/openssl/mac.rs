//! Message authentication codes under way: [`MacContext`], over `EVP_MAC_CTX`.

use std::ffi::CStr;

use openssl::error::ErrorStack;

use super::params::{Param, Params};

/// A code under way.
pub(crate) struct MacContext(*mut openssl_sys::EVP_MAC_CTX);

// SAFETY: a context belongs to whoever holds it; OpenSSL ties it to no thread.
unsafe impl Send for MacContext {}

impl std::fmt::Debug for MacContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MacContext")
    }
}

impl MacContext {
    /// Begins a code of this name (`HMAC`, `KMAC-128`…) with a key.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn new(name: &CStr, key: &[u8], params: &[Param<'_>]) -> Result<Self, ErrorStack> {
        super::init();
        let params = Params::new(params)?;
        // SAFETY: a C string; the default library context.
        let mac = unsafe {
            openssl_sys::EVP_MAC_fetch(std::ptr::null_mut(), name.as_ptr(), std::ptr::null())
        };
        if mac.is_null() {
            return Err(ErrorStack::get());
        }
        // SAFETY: the algorithm lives; a context holds its own reference to it.
        let context = unsafe { openssl_sys::EVP_MAC_CTX_new(mac) };
        // SAFETY: our reference, given back once.
        unsafe { openssl_sys::EVP_MAC_free(mac) };
        if context.is_null() {
            return Err(ErrorStack::get());
        }
        let context = Self(context);
        // SAFETY: the key has the length that is told (an empty one has an address too), the parameters live.
        let ready = unsafe {
            openssl_sys::EVP_MAC_init(context.0, key.as_ptr(), key.len(), params.as_ptr())
        };
        if ready == 1 {
            Ok(context)
        } else {
            Err(ErrorStack::get())
        }
    }

    /// Takes more bytes.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn update(&mut self, bytes: &[u8]) -> Result<(), ErrorStack> {
        // SAFETY: the bytes have the length that is told.
        let done = unsafe { openssl_sys::EVP_MAC_update(self.0, bytes.as_ptr(), bytes.len()) };
        if done == 1 {
            Ok(())
        } else {
            Err(ErrorStack::get())
        }
    }

    /// Begins again with the same key.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn restart(&mut self) -> Result<(), ErrorStack> {
        // SAFETY: no key and no parameters: those the context has.
        let done =
            unsafe { openssl_sys::EVP_MAC_init(self.0, std::ptr::null(), 0, std::ptr::null()) };
        if done == 1 {
            Ok(())
        } else {
            Err(ErrorStack::get())
        }
    }

    /// Ends with the code, of the length the context was made for.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, ErrorStack> {
        let mut out = vec![0; self.len()];
        let written = self.finish_into(&mut out)?;
        out.truncate(written);
        Ok(out)
    }

    /// How long the code will be.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: the context lives.
        unsafe { openssl_sys::EVP_MAC_CTX_get_mac_size(self.0) }
    }

    /// Ends with the code; says how long it is. [`restart`](Self::restart) may follow.
    ///
    /// # Errors
    /// OpenSSL's; too little room.
    pub(crate) fn finish_into(&mut self, out: &mut [u8]) -> Result<usize, ErrorStack> {
        let mut written = 0;
        // SAFETY: the output has the length that is told.
        let done = unsafe {
            openssl_sys::EVP_MAC_final(self.0, out.as_mut_ptr(), &raw mut written, out.len())
        };
        if done == 1 {
            Ok(written)
        } else {
            Err(ErrorStack::get())
        }
    }
}

impl Drop for MacContext {
    fn drop(&mut self) {
        // SAFETY: our context, freed once.
        unsafe { openssl_sys::EVP_MAC_CTX_free(self.0) };
    }
}

/// The whole code of some bytes.
///
/// # Errors
/// OpenSSL's.
pub(crate) fn mac(
    name: &CStr,
    key: &[u8],
    params: &[Param<'_>],
    parts: &[&[u8]],
) -> Result<Vec<u8>, ErrorStack> {
    let mut context = MacContext::new(name, key, params)?;
    for part in parts {
        context.update(part)?;
    }
    context.finish()
}
