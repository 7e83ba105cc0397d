//! SQLite as safe objects: [`Connection`], [`Statement`], [`ChangeSession`], [`Backup`].
//!
//! The library is set up once per host process (`library`): its memory comes from the quota of the guest that uses it
//! (`memory`), its files from the kernel (`files`); it knows no other file system, so no host file can be reached.
//! What it calls back (functions, aggregates, the authorizer, filters) are traits of `callbacks`; they get the scope of the
//! binding function under which SQLite runs (`calls`). A connection is used by one isolate's thread only.

mod callbacks;
mod calls;
mod connection;
mod files;
mod library;
mod memory;
mod session;
mod statement;

pub(crate) use callbacks::{Aggregate, Authorizer, CallbackError, Changes, ScalarFunction};
pub(crate) use connection::{Connection, FunctionFlags, SqlError, SqlFailure};
pub(crate) use session::{Backup, ChangeSession};
pub(crate) use statement::{ColumnText, Statement};

use libsqlite3_sys as sys;

/// A value as SQLite has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SqlValue {
    Null,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

/// Bytes the library owns, copied; nothing for a null pointer.
///
/// # Safety
/// `len` bytes must be at `data`, unless it is null.
unsafe fn copied(data: *const u8, len: std::ffi::c_int) -> Vec<u8> {
    let len = usize::try_from(len).unwrap_or(0);
    if data.is_null() || len == 0 {
        return Vec::new();
    }
    // SAFETY: by the contract of this function.
    unsafe { std::slice::from_raw_parts(data, len) }.to_vec()
}

/// A NUL-terminated text of the library's, copied.
///
/// # Safety
/// A NUL-terminated text must be at `text`, unless it is null.
unsafe fn text_of(text: *const std::ffi::c_char) -> Option<Vec<u8>> {
    if text.is_null() {
        return None;
    }
    // SAFETY: by the contract of this function.
    Some(
        unsafe { std::ffi::CStr::from_ptr(text) }
            .to_bytes()
            .to_vec(),
    )
}

/// Who frees a value bound or returned: the library makes a copy.
fn transient() -> sys::sqlite3_destructor_type {
    sys::SQLITE_TRANSIENT()
}
