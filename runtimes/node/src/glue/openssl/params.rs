//! Parameters of OpenSSL's fetched algorithms: `OSSL_PARAM`, built from [`Param`]s.

use std::ffi::CStr;

use openssl::error::ErrorStack;

/// One parameter: its name (OpenSSL's `core_names.h`) and value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Param<'a> {
    /// Text.
    Text(&'static CStr, &'a str),
    /// Bytes.
    Bytes(&'static CStr, &'a [u8]),
    /// A number of the size of an `unsigned int`.
    Uint(&'static CStr, u32),
}

/// An array of parameters with copies of their values.
pub(super) struct Params(*mut openssl_sys::OSSL_PARAM);

impl Params {
    /// Copies the parameters.
    pub(super) fn new(params: &[Param<'_>]) -> Result<Self, ErrorStack> {
        // SAFETY: no arguments.
        let builder = unsafe { openssl_sys::OSSL_PARAM_BLD_new() };
        if builder.is_null() {
            return Err(ErrorStack::get());
        }
        let pushed = params.iter().all(|param| match param {
            Param::Text(key, text) => {
                // SAFETY: the key is static, the text outlives the builder, and its length is given.
                let done = unsafe {
                    openssl_sys::OSSL_PARAM_BLD_push_utf8_string(
                        builder,
                        key.as_ptr(),
                        text.as_ptr().cast(),
                        text.len(),
                    )
                };
                done == 1
            }
            Param::Bytes(key, bytes) => {
                // SAFETY: as for text.
                let done = unsafe {
                    openssl_sys::OSSL_PARAM_BLD_push_octet_string(
                        builder,
                        key.as_ptr(),
                        bytes.as_ptr().cast(),
                        bytes.len(),
                    )
                };
                done == 1
            }
            Param::Uint(key, number) => {
                // SAFETY: the key is static.
                let done = unsafe {
                    openssl_sys::OSSL_PARAM_BLD_push_uint(builder, key.as_ptr(), *number)
                };
                done == 1
            }
        });
        let built = if pushed {
            // SAFETY: everything pushed still lives.
            unsafe { openssl_sys::OSSL_PARAM_BLD_to_param(builder) }
        } else {
            std::ptr::null_mut()
        };
        // SAFETY: the builder is ours and is not used again; what it made has copies.
        unsafe { openssl_sys::OSSL_PARAM_BLD_free(builder) };
        if built.is_null() {
            return Err(ErrorStack::get());
        }
        Ok(Self(built))
    }

    pub(super) const fn as_ptr(&self) -> *const openssl_sys::OSSL_PARAM {
        self.0
    }
}

impl Drop for Params {
    fn drop(&mut self) {
        // SAFETY: made by `OSSL_PARAM_BLD_to_param`, freed once.
        unsafe { openssl_sys::OSSL_PARAM_free(self.0) };
    }
}
