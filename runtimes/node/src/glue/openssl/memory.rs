//! Memory as OpenSSL's streams ([`MemoryBio`]), and passphrases as it asks for them. Nothing here ever prompts: without a
//! passphrase of the guest's, the answer is that there is none.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::marker::PhantomData;

use openssl::error::ErrorStack;
use openssl_sys as ffi;

/// A stream over bytes, to read from or to write to.
#[derive(Debug)]
pub(super) struct MemoryBio<'a> {
    bio: *mut ffi::BIO,
    bytes: PhantomData<&'a [u8]>,
}

impl<'a> MemoryBio<'a> {
    /// Reads these bytes.
    pub(super) fn reading(bytes: &'a [u8]) -> Result<Self, ErrorStack> {
        let len = c_int::try_from(bytes.len()).map_err(|_| ErrorStack::get())?;
        // SAFETY: the bytes outlive the stream, which has their lifetime, and such a stream is never written.
        let bio = unsafe { ffi::BIO_new_mem_buf(bytes.as_ptr().cast::<c_void>(), len) };
        Self::checked(bio)
    }

    /// Collects what is written.
    pub(super) fn writing() -> Result<Self, ErrorStack> {
        // SAFETY: returns a static method table.
        let method = unsafe { ffi::BIO_s_mem() };
        // SAFETY: the method table is static.
        let bio = unsafe { ffi::BIO_new(method) };
        Self::checked(bio)
    }

    fn checked(bio: *mut ffi::BIO) -> Result<Self, ErrorStack> {
        if bio.is_null() {
            return Err(ErrorStack::get());
        }
        Ok(Self {
            bio,
            bytes: PhantomData,
        })
    }

    /// For OpenSSL's calls.
    pub(super) const fn as_ptr(&self) -> *mut ffi::BIO {
        self.bio
    }

    /// What was written.
    pub(super) fn contents(&self) -> Vec<u8> {
        let mut data: *mut c_char = std::ptr::null_mut();
        // SAFETY: the stream lives and is one of memory; the place for the pointer is ours.
        let len: c_long = unsafe { ffi::BIO_get_mem_data(self.bio, &raw mut data) };
        bytes_at(data.cast::<u8>(), len)
    }
}

impl Drop for MemoryBio<'_> {
    fn drop(&mut self) {
        // SAFETY: the stream is ours and freed once.
        unsafe { ffi::BIO_free_all(self.bio) };
    }
}

/// A copy of bytes OpenSSL points to; nothing for null or no length.
fn bytes_at(data: *const u8, len: c_long) -> Vec<u8> {
    match usize::try_from(len) {
        Ok(len) if len > 0 && !data.is_null() => {
            // SAFETY: OpenSSL vouches for `len` bytes there until the stream is next written.
            unsafe { std::slice::from_raw_parts(data, len) }.to_vec()
        }
        _ => Vec::new(),
    }
}

/// A passphrase to give when OpenSSL asks, or none.
#[derive(Clone, Copy)]
pub(super) struct Passphrase<'a>(pub(super) Option<&'a [u8]>);

impl Passphrase<'_> {
    /// What the callback gets; the value must outlive the call.
    pub(super) fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::from_mut(self).cast::<c_void>()
    }
}

/// OpenSSL's question for a passphrase. Without one, or when it is too long, the answer is a failure. Node: `PasswordCallback`.
pub(super) unsafe extern "C" fn ask(
    buffer: *mut c_char,
    size: c_int,
    _for_writing: c_int,
    given: *mut c_void,
) -> c_int {
    if given.is_null() || buffer.is_null() {
        return -1;
    }
    // SAFETY: every caller of ours gives a pointer to a `Passphrase` that outlives the call.
    let passphrase = unsafe { *given.cast::<Passphrase<'_>>() };
    let Some(bytes) = passphrase.0 else {
        return -1;
    };
    match c_int::try_from(bytes.len()) {
        Ok(len) if len <= size => {
            // SAFETY: the buffer has `size` places and `len` is no more.
            unsafe {
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.cast::<u8>(), bytes.len())
            };
            len
        }
        _ => -1,
    }
}

/// A size for OpenSSL's calls that take an `int`.
pub(super) fn int(len: usize) -> Result<c_int, ErrorStack> {
    c_int::try_from(len).map_err(|_| ErrorStack::get())
}

/// A size for OpenSSL's calls that take a `long`.
pub(super) fn long(len: usize) -> Result<c_long, ErrorStack> {
    c_long::try_from(len).map_err(|_| ErrorStack::get())
}

/// The error queue when a call that returns 1 for success did not.
pub(super) fn checked(result: c_int) -> Result<(), ErrorStack> {
    if result > 0 {
        Ok(())
    } else {
        Err(ErrorStack::get())
    }
}
