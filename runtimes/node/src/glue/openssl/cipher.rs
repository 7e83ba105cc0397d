//! Ciphers under way: [`CipherContext`], over `EVP_CIPHER_CTX`; and what a cipher is ([`CipherMode`]).
//!
//! The `openssl` crate's context panics where a length is wrong; here that is an error, because lengths are the guest's.

use std::ffi::{c_int, c_void};

use foreign_types::ForeignTypeRef as _;
use openssl::cipher::CipherRef;
use openssl::error::ErrorStack;

const AEAD_SET_IV_LEN: c_int = 0x9;
const AEAD_GET_TAG: c_int = 0x10;
const AEAD_SET_TAG: c_int = 0x11;
const FLAG_WRAP_ALLOW: c_int = 0x1;

unsafe extern "C" {
    fn EVP_CipherFinal_ex(
        context: *mut openssl_sys::EVP_CIPHER_CTX,
        out: *mut u8,
        len: *mut c_int,
    ) -> c_int;
}

/// How a cipher works on blocks (`EVP_CIPH_…_MODE`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CipherMode {
    Stream,
    Ecb,
    Cbc,
    Cfb,
    Ofb,
    Ctr,
    Gcm,
    Ccm,
    Xts,
    Wrap,
    Ocb,
    Other,
}

/// How a cipher works.
pub(crate) fn mode_of(cipher: &CipherRef) -> CipherMode {
    // SAFETY: the cipher lives.
    let flags = unsafe { openssl_sys::EVP_CIPHER_get_flags(cipher.as_ptr()) };
    match flags & 0xF_0007 {
        0 => CipherMode::Stream,
        1 => CipherMode::Ecb,
        2 => CipherMode::Cbc,
        3 => CipherMode::Cfb,
        4 => CipherMode::Ofb,
        5 => CipherMode::Ctr,
        6 => CipherMode::Gcm,
        7 => CipherMode::Ccm,
        0x1_0001 => CipherMode::Xts,
        0x1_0002 => CipherMode::Wrap,
        0x1_0003 => CipherMode::Ocb,
        _ => CipherMode::Other,
    }
}

/// A cipher under way.
pub(crate) struct CipherContext(*mut openssl_sys::EVP_CIPHER_CTX);

// SAFETY: a context belongs to whoever holds it; OpenSSL ties it to no thread.
unsafe impl Send for CipherContext {}

impl std::fmt::Debug for CipherContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CipherContext")
    }
}

impl Drop for CipherContext {
    fn drop(&mut self) {
        // SAFETY: our context, freed once.
        unsafe { openssl_sys::EVP_CIPHER_CTX_free(self.0) };
    }
}

fn check(done: c_int) -> Result<(), ErrorStack> {
    if done == 1 {
        Ok(())
    } else {
        Err(ErrorStack::get())
    }
}

fn int(len: usize) -> Result<c_int, ErrorStack> {
    c_int::try_from(len).map_err(|_| ErrorStack::get())
}

impl CipherContext {
    /// A context for a cipher, without a key yet.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn new(cipher: &CipherRef, encrypt: bool) -> Result<Self, ErrorStack> {
        super::init();
        // SAFETY: no arguments.
        let context = unsafe { openssl_sys::EVP_CIPHER_CTX_new() };
        if context.is_null() {
            return Err(ErrorStack::get());
        }
        let context = Self(context);
        if mode_of(cipher) == CipherMode::Wrap {
            // SAFETY: the context lives.
            unsafe { openssl_sys::EVP_CIPHER_CTX_set_flags(context.0, FLAG_WRAP_ALLOW) };
        }
        // SAFETY: the context and the cipher live; a key and a vector may come later.
        let done = unsafe {
            openssl_sys::EVP_CipherInit_ex(
                context.0,
                cipher.as_ptr(),
                std::ptr::null_mut(),
                std::ptr::null(),
                std::ptr::null(),
                c_int::from(encrypt),
            )
        };
        check(done)?;
        Ok(context)
    }

    /// Takes the key and the initialization vector.
    ///
    /// # Errors
    /// OpenSSL's; lengths that are not those set before.
    pub(crate) fn start(
        &mut self,
        key: &[u8],
        iv: Option<&[u8]>,
        encrypt: bool,
    ) -> Result<(), ErrorStack> {
        if key.len() != self.key_len() || iv.is_some_and(|iv| iv.len() < self.iv_len()) {
            return Err(ErrorStack::get());
        }
        let iv = iv.map_or(std::ptr::null(), <[u8]>::as_ptr);
        // SAFETY: key and vector have the lengths the context reads, as checked.
        let done = unsafe {
            openssl_sys::EVP_CipherInit_ex(
                self.0,
                std::ptr::null(),
                std::ptr::null_mut(),
                key.as_ptr(),
                iv,
                c_int::from(encrypt),
            )
        };
        check(done)
    }

    fn key_len(&self) -> usize {
        // SAFETY: the context lives and has a cipher.
        let len = unsafe { openssl_sys::EVP_CIPHER_CTX_get_key_length(self.0) };
        usize::try_from(len).unwrap_or(usize::MAX)
    }

    fn iv_len(&self) -> usize {
        // SAFETY: the context lives and has a cipher.
        let len = unsafe { openssl_sys::EVP_CIPHER_CTX_get_iv_length(self.0) };
        usize::try_from(len).unwrap_or(usize::MAX)
    }

    /// How many bytes a block has; 1 for stream modes.
    pub(crate) fn block_size(&self) -> usize {
        // SAFETY: the context lives and has a cipher.
        let len = unsafe { openssl_sys::EVP_CIPHER_CTX_get_block_size(self.0) };
        usize::try_from(len).unwrap_or(0)
    }

    fn control(&mut self, what: c_int, number: c_int, data: *mut c_void) -> Result<(), ErrorStack> {
        // SAFETY: `data` is null or has `number` bytes; every caller is below.
        check(unsafe { openssl_sys::EVP_CIPHER_CTX_ctrl(self.0, what, number, data) })
    }

    /// Says how long the key will be.
    ///
    /// # Errors
    /// When the cipher cannot.
    pub(crate) fn set_key_len(&mut self, len: usize) -> Result<(), ErrorStack> {
        let len = int(len)?;
        // SAFETY: the context lives.
        check(unsafe { openssl_sys::EVP_CIPHER_CTX_set_key_length(self.0, len) })
    }

    /// Says how long the initialization vector of an authenticated mode will be.
    ///
    /// # Errors
    /// When the cipher cannot.
    pub(crate) fn set_iv_len(&mut self, len: usize) -> Result<(), ErrorStack> {
        let len = int(len)?;
        self.control(AEAD_SET_IV_LEN, len, std::ptr::null_mut())
    }

    /// Says how long the tag of an authenticated mode will be.
    ///
    /// # Errors
    /// When the cipher cannot.
    pub(crate) fn set_tag_len(&mut self, len: usize) -> Result<(), ErrorStack> {
        let len = int(len)?;
        self.control(AEAD_SET_TAG, len, std::ptr::null_mut())
    }

    /// Gives the tag that decryption must find.
    ///
    /// # Errors
    /// When its length is wrong.
    pub(crate) fn set_tag(&mut self, tag: &[u8]) -> Result<(), ErrorStack> {
        let len = int(tag.len())?;
        self.control(AEAD_SET_TAG, len, tag.as_ptr().cast_mut().cast())
    }

    /// The tag that encryption made.
    ///
    /// # Errors
    /// When there is none of this length.
    pub(crate) fn tag(&mut self, len: usize) -> Result<Vec<u8>, ErrorStack> {
        let mut tag = vec![0; len];
        let len = int(len)?;
        self.control(AEAD_GET_TAG, len, tag.as_mut_ptr().cast())?;
        Ok(tag)
    }

    /// Turns the padding of the last block on or off.
    pub(crate) fn set_padding(&mut self, on: bool) -> bool {
        // SAFETY: the context lives.
        let done = unsafe { openssl_sys::EVP_CIPHER_CTX_set_padding(self.0, c_int::from(on)) };
        done == 1
    }

    /// CCM: says how long the message will be.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn set_message_len(&mut self, len: usize) -> Result<(), ErrorStack> {
        let len = int(len)?;
        let mut written = 0;
        // SAFETY: neither input nor output: only the length is taken.
        check(unsafe {
            openssl_sys::EVP_CipherUpdate(
                self.0,
                std::ptr::null_mut(),
                &raw mut written,
                std::ptr::null(),
                len,
            )
        })
    }

    /// Takes data that is authenticated and not encrypted.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn authenticate(&mut self, data: &[u8]) -> Result<(), ErrorStack> {
        self.pass(data).map(|_| ())
    }

    /// An update without output: authenticated data, or (key wrapping) the question how long the output will be.
    fn pass(&mut self, data: &[u8]) -> Result<usize, ErrorStack> {
        let len = int(data.len())?;
        let mut written = 0;
        // SAFETY: the data has the length that is told; without output nothing is written but the length.
        check(unsafe {
            openssl_sys::EVP_CipherUpdate(
                self.0,
                std::ptr::null_mut(),
                &raw mut written,
                data.as_ptr(),
                len,
            )
        })?;
        Ok(usize::try_from(written).unwrap_or(0))
    }

    /// How long the output of wrapping this key will be.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn wrapped_len(&mut self, data: &[u8]) -> Result<usize, ErrorStack> {
        self.pass(data)
    }

    /// Works on more data. `room` is how much output there may be: at least the data and a block, but for wrapping, where
    /// it is [`wrapped_len`](Self::wrapped_len).
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn update(&mut self, data: &[u8], room: usize) -> Result<Vec<u8>, ErrorStack> {
        let len = int(data.len())?;
        let least = data.len().saturating_add(self.block_size());
        let mut out = vec![0; room.max(least)];
        let mut written = 0;
        // SAFETY: the output has room for the data and a block and, for wrapping, for what OpenSSL said it needs.
        check(unsafe {
            openssl_sys::EVP_CipherUpdate(
                self.0,
                out.as_mut_ptr(),
                &raw mut written,
                data.as_ptr(),
                len,
            )
        })?;
        out.truncate(usize::try_from(written).unwrap_or(0));
        Ok(out)
    }

    /// Ends: the last block.
    ///
    /// # Errors
    /// OpenSSL's: bad padding, a wrong tag.
    pub(crate) fn finish(&mut self) -> Result<Vec<u8>, ErrorStack> {
        let mut out = vec![0; self.block_size().max(32)];
        let mut written = 0;
        // SAFETY: the output has room for a block.
        check(unsafe { EVP_CipherFinal_ex(self.0, out.as_mut_ptr(), &raw mut written) })?;
        out.truncate(usize::try_from(written).unwrap_or(0));
        Ok(out)
    }
}
