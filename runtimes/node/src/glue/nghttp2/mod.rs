//! nghttp2, the HTTP/2 library Node uses, as a safe [`Session`] that tells [`Events`] what happens.
//!
//! The library calls back only while it receives or sends (`receive`, `gather`); neither may run inside another on the same
//! session: a second one is refused, because sending can free streams that receiving still holds. Everything else (submitting,
//! asking, flow control) may be done from a callback. Reading order: `session`, `callbacks` (what the library calls), `headers`.

mod callbacks;
mod headers;
mod session;

use std::ffi::CStr;

use libnghttp2_sys as sys;

pub(crate) use callbacks::{Events, Frame, Read};
pub(crate) use headers::{HeaderList, OriginList};
pub(crate) use session::{Padding, Session, SessionOptions, StreamFacts};

/// A setting: its id and value.
pub(crate) type Setting = (i32, u32);

/// The library's words for an error number.
pub(crate) fn error_string(code: i32) -> &'static str {
    // SAFETY: any number is allowed.
    let text = unsafe { sys::nghttp2_strerror(code) };
    if text.is_null() {
        return "";
    }
    // SAFETY: the library's texts are string literals.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().unwrap_or_default()
}

/// Whether the session cannot go on after this error.
pub(crate) fn is_fatal(code: i32) -> bool {
    // SAFETY: any number is allowed.
    unsafe { sys::nghttp2_is_fatal(code) != 0 }
}

/// The payload of a SETTINGS frame; `None` when a value is not allowed.
pub(crate) fn pack_settings(settings: &[Setting]) -> Option<Vec<u8>> {
    let entries = entries(settings);
    let mut bytes = vec![0; entries.len() * 6];
    // SAFETY: both pointers are to as many bytes and entries as said.
    let len = unsafe {
        sys::nghttp2_pack_settings_payload2(
            bytes.as_mut_ptr(),
            bytes.len(),
            entries.as_ptr(),
            entries.len(),
        )
    };
    usize::try_from(len).ok().map(|len| {
        bytes.truncate(len);
        bytes
    })
}

fn entries(settings: &[Setting]) -> Vec<sys::nghttp2_settings_entry> {
    settings
        .iter()
        .map(|(settings_id, value)| sys::nghttp2_settings_entry {
            settings_id: *settings_id,
            value: *value,
        })
        .collect()
}
