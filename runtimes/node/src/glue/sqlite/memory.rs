//! SQLite's memory: from the host's allocator, counted in the quota of the guest that SQLite works for when it asks.

use std::alloc::Layout;
use std::ffi::{c_int, c_void};
use std::sync::Arc;

use super::calls;
use super::sys;
use crate::glue::Quota;

/// Before every block: how long it is, and in whose quota it counts.
#[repr(C, align(16))]
struct Header {
    len: usize,
    /// From `Arc::into_raw`, or null.
    quota: *const Quota,
}

const HEADER: usize = size_of::<Header>();

/// The table of these functions.
pub(super) const fn methods() -> sys::sqlite3_mem_methods {
    sys::sqlite3_mem_methods {
        xMalloc: Some(allocate),
        xFree: Some(free),
        xRealloc: Some(reallocate),
        xSize: Some(size),
        xRoundup: Some(round_up),
        xInit: Some(init),
        xShutdown: Some(shut_down),
        pAppData: std::ptr::null_mut(),
    }
}

fn layout(len: usize) -> Option<Layout> {
    Layout::from_size_align(len.checked_add(HEADER)?, align_of::<Header>()).ok()
}

unsafe extern "C" fn allocate(len: c_int) -> *mut c_void {
    let Some((len, layout)) = usize::try_from(len)
        .ok()
        .filter(|len| *len > 0)
        .and_then(|len| Some((len, layout(len)?)))
    else {
        return std::ptr::null_mut();
    };
    let quota = calls::user().and_then(|user| user.quota);
    if quota.as_ref().is_some_and(|quota| !quota.take(len)) {
        return std::ptr::null_mut();
    }
    // SAFETY: the layout's size is at least the header's.
    let block = unsafe { std::alloc::alloc(layout) };
    if block.is_null() {
        if let Some(quota) = quota {
            quota.give_back(len);
        }
        return std::ptr::null_mut();
    }
    let header = Header {
        len,
        quota: quota.map_or(std::ptr::null(), Arc::into_raw),
    };
    // SAFETY: the block begins with room for a header, aligned as one.
    unsafe { block.cast::<Header>().write(header) };
    // SAFETY: the block is as long as the header and what was asked for.
    unsafe { block.add(HEADER) }.cast::<c_void>()
}

/// The header of a block.
///
/// # Safety
/// `data` must have come from `allocate` and not been freed.
unsafe fn header_of(data: *mut c_void) -> *mut Header {
    // SAFETY: a header stands right before what `allocate` returns.
    unsafe { data.cast::<u8>().sub(HEADER) }.cast::<Header>()
}

unsafe extern "C" fn free(data: *mut c_void) {
    if data.is_null() {
        return;
    }
    // SAFETY: SQLite frees what it got from `allocate`.
    let block = unsafe { header_of(data) };
    // SAFETY: `allocate` wrote it; it is read out once, here.
    let Header { len, quota } = unsafe { block.read() };
    if !quota.is_null() {
        // SAFETY: from `Arc::into_raw`, given back once.
        let quota = unsafe { Arc::from_raw(quota) };
        quota.give_back(len);
    }
    if let Some(layout) = layout(len) {
        // SAFETY: allocated with this layout.
        unsafe { std::alloc::dealloc(block.cast::<u8>(), layout) };
    }
}

unsafe extern "C" fn reallocate(data: *mut c_void, len: c_int) -> *mut c_void {
    // SAFETY: as SQLite calls the two.
    let old_len = unsafe { size(data) };
    // SAFETY: any length may be asked for.
    let new = unsafe { allocate(len) };
    if new.is_null() {
        return new;
    }
    let common = usize::try_from(old_len.min(len)).unwrap_or(0);
    // SAFETY: both blocks have this many bytes, and are not the same.
    unsafe { std::ptr::copy_nonoverlapping(data.cast::<u8>(), new.cast::<u8>(), common) };
    // SAFETY: SQLite gives the old block up when this succeeds.
    unsafe { free(data) };
    new
}

unsafe extern "C" fn size(data: *mut c_void) -> c_int {
    if data.is_null() {
        return 0;
    }
    // SAFETY: SQLite asks about what it got from `allocate`.
    let block = unsafe { header_of(data) };
    // SAFETY: `allocate` wrote the header.
    let len = unsafe { (*block).len };
    c_int::try_from(len).unwrap_or(c_int::MAX)
}

unsafe extern "C" fn round_up(len: c_int) -> c_int {
    len.saturating_add(7) & !7
}

unsafe extern "C" fn init(_: *mut c_void) -> c_int {
    sys::SQLITE_OK
}

unsafe extern "C" fn shut_down(_: *mut c_void) {}
