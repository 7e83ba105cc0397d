//! zlib (the crate `zlib-rs` through its C interface) as a safe object: [`ZStream`], and [`crc32`].

use std::ffi::CStr;

use libz_rs_sys as sys;

/// How the stream is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ZSetup {
    Deflate {
        level: i32,
        window_bits: i32,
        mem_level: i32,
        strategy: i32,
    },
    Inflate {
        window_bits: i32,
    },
}

/// A deflate or inflate stream.
pub(crate) struct ZStream {
    /// Boxed: the library may keep the address.
    raw: Box<sys::z_stream>,
    is_deflate: bool,
}

impl std::fmt::Debug for ZStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ZStream")
            .field("is_deflate", &self.is_deflate)
            .finish_non_exhaustive()
    }
}

// SAFETY: a stream owns all that its pointers lead to (the buffers of a call are not kept over it), and nothing of it is
// bound to a thread.
unsafe impl Send for ZStream {}

/// What one call did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ZStep {
    pub(crate) code: i32,
    pub(crate) consumed: usize,
    pub(crate) produced: usize,
}

fn limited(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

impl ZStream {
    /// Starts a stream.
    ///
    /// # Errors
    /// zlib's code: `Z_STREAM_ERROR` for parameters it does not take, `Z_MEM_ERROR`.
    pub(crate) fn new(setup: ZSetup) -> Result<Self, i32> {
        let mut raw = Box::<sys::z_stream>::default();
        let size = i32::try_from(size_of::<sys::z_stream>()).expect("a small struct");
        let strm = std::ptr::from_mut(raw.as_mut());
        let (code, is_deflate) = match setup {
            ZSetup::Deflate {
                level,
                window_bits,
                mem_level,
                strategy,
            } => {
                // SAFETY: `strm` is a valid stream with default allocation; the version is the library's own.
                let code = unsafe {
                    sys::deflateInit2_(
                        strm,
                        level,
                        sys::Z_DEFLATED,
                        window_bits,
                        mem_level,
                        strategy,
                        sys::zlibVersion(),
                        size,
                    )
                };
                (code, true)
            }
            ZSetup::Inflate { window_bits } => {
                // SAFETY: as above.
                let code =
                    unsafe { sys::inflateInit2_(strm, window_bits, sys::zlibVersion(), size) };
                (code, false)
            }
        };
        if code == sys::Z_OK {
            Ok(Self { raw, is_deflate })
        } else {
            Err(code)
        }
    }

    /// Deflates or inflates from `input` into `output`.
    pub(crate) fn run(&mut self, input: &[u8], output: &mut [u8], flush: i32) -> ZStep {
        let (given, room) = (limited(input.len()), limited(output.len()));
        self.raw.next_in = input.as_ptr();
        self.raw.avail_in = given;
        self.raw.next_out = output.as_mut_ptr();
        self.raw.avail_out = room;
        let is_deflate = self.is_deflate;
        let strm = std::ptr::from_mut(self.raw.as_mut());
        let code = if is_deflate {
            // SAFETY: a stream that deflateInit2_ made; the buffers are as long as said and live over the call.
            unsafe { sys::deflate(strm, flush) }
        } else {
            // SAFETY: a stream that inflateInit2_ made; the buffers are as long as said and live over the call.
            unsafe { sys::inflate(strm, flush) }
        };
        let step = ZStep {
            code,
            consumed: (given - self.raw.avail_in.min(given)) as usize,
            produced: (room - self.raw.avail_out.min(room)) as usize,
        };
        self.forget_buffers();
        step
    }

    fn forget_buffers(&mut self) {
        self.raw.next_in = std::ptr::null();
        self.raw.avail_in = 0;
        self.raw.next_out = std::ptr::null_mut();
        self.raw.avail_out = 0;
    }

    /// Begins anew with the same parameters.
    pub(crate) fn reset(&mut self) -> i32 {
        let is_deflate = self.is_deflate;
        let strm = std::ptr::from_mut(self.raw.as_mut());
        if is_deflate {
            // SAFETY: a stream that deflateInit2_ made.
            unsafe { sys::deflateReset(strm) }
        } else {
            // SAFETY: a stream that inflateInit2_ made.
            unsafe { sys::inflateReset(strm) }
        }
    }

    /// Gives the dictionary.
    pub(crate) fn set_dictionary(&mut self, dictionary: &[u8]) -> i32 {
        let is_deflate = self.is_deflate;
        let strm = std::ptr::from_mut(self.raw.as_mut());
        let (data, len) = (dictionary.as_ptr(), limited(dictionary.len()));
        if is_deflate {
            // SAFETY: a stream that deflateInit2_ made, and `len` bytes at `data`, which the call copies.
            unsafe { sys::deflateSetDictionary(strm, data, len) }
        } else {
            // SAFETY: a stream that inflateInit2_ made, and `len` bytes at `data`, which the call copies.
            unsafe { sys::inflateSetDictionary(strm, data, len) }
        }
    }

    /// Changes level and strategy of a deflate stream. What is not flushed stays so: `Z_BUF_ERROR`.
    pub(crate) fn set_params(&mut self, level: i32, strategy: i32) -> i32 {
        if !self.is_deflate {
            return sys::Z_STREAM_ERROR;
        }
        let mut nothing = [0_u8; 1];
        self.raw.next_out = nothing.as_mut_ptr();
        self.raw.avail_out = 0;
        self.raw.next_in = nothing.as_ptr();
        self.raw.avail_in = 0;
        let strm = std::ptr::from_mut(self.raw.as_mut());
        // SAFETY: a stream that deflateInit2_ made; its buffers are empty and live over the call.
        let code = unsafe { sys::deflateParams(strm, level, strategy) };
        self.forget_buffers();
        code
    }

    /// What the library says of its last error.
    pub(crate) fn message(&self) -> Option<String> {
        if self.raw.msg.is_null() {
            return None;
        }
        // SAFETY: the library sets `msg` to NUL-terminated static texts only.
        let text = unsafe { CStr::from_ptr(self.raw.msg) };
        Some(text.to_string_lossy().into_owned())
    }
}

impl Drop for ZStream {
    fn drop(&mut self) {
        let is_deflate = self.is_deflate;
        let strm = std::ptr::from_mut(self.raw.as_mut());
        // The code tells whether data was discarded: it was meant to be.
        let _code = if is_deflate {
            // SAFETY: a stream that deflateInit2_ made; it is not used after this.
            unsafe { sys::deflateEnd(strm) }
        } else {
            // SAFETY: a stream that inflateInit2_ made; it is not used after this.
            unsafe { sys::inflateEnd(strm) }
        };
    }
}

/// The CRC-32 of the bytes, continued from `start`.
pub(crate) fn crc32(start: u32, bytes: &[u8]) -> u32 {
    // SAFETY: `len` bytes at the pointer.
    let sum = unsafe { sys::crc32_z(start.into(), bytes.as_ptr(), bytes.len()) };
    u32::try_from(sum & 0xffff_ffff).unwrap_or(0)
}
