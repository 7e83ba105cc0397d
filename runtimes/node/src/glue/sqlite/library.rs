//! Setting up the library, once per host process: our allocator, and the kernel's files in place of the host's.

use std::ffi::c_int;
use std::sync::OnceLock;

use super::{files, memory, sys};

/// Sets the library up if it is not; its code if that failed.
pub(super) fn ready() -> Result<(), c_int> {
    static STATE: OnceLock<c_int> = OnceLock::new();
    match *STATE.get_or_init(set_up) {
        sys::SQLITE_OK => Ok(()),
        code => Err(code),
    }
}

fn set_up() -> c_int {
    let methods = memory::methods();
    // SAFETY: before initialisation; SQLITE_CONFIG_MALLOC takes a pointer to such a table and copies it.
    let code = unsafe { sys::sqlite3_config(sys::SQLITE_CONFIG_MALLOC, &raw const methods) };
    if code != sys::SQLITE_OK {
        return code;
    }
    // SAFETY: may be called at any time.
    let code = unsafe { sys::sqlite3_initialize() };
    if code != sys::SQLITE_OK {
        return code;
    }
    forget_host_files();
    files::register()
}

/// Takes every way to the host's files out of the library.
fn forget_host_files() {
    loop {
        // SAFETY: null asks for the default one.
        let vfs = unsafe { sys::sqlite3_vfs_find(std::ptr::null()) };
        if vfs.is_null() {
            return;
        }
        // SAFETY: one that the library itself has just named.
        let code = unsafe { sys::sqlite3_vfs_unregister(vfs) };
        if code != sys::SQLITE_OK {
            return;
        }
    }
}
