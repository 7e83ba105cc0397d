//! The two calls of the lock-down for which no crate has a safe function. The only `unsafe` of this crate.
#![expect(unsafe_code, reason = "close_range and unshare; see each proof")]

use std::io;

use rustix::thread::UnshareFlags;

/// Closes every descriptor from `first` on.
///
/// To be called before this process has opened anything it wants to keep at or above `first`.
pub(super) fn close_descriptors_from(first: libc::c_uint) -> io::Result<()> {
    // SAFETY: the call reads no memory. It closes descriptors that nobody in this process owns yet: it runs first thing in a process that
    // was just executed, so all there are were inherited.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Moves this process, which has one thread, into new namespaces. Never with a flag about descriptors.
pub(super) fn new_namespaces(flags: UnshareFlags) -> io::Result<()> {
    let flags = flags.difference(UnshareFlags::FILES);
    // SAFETY: the danger is `FILES`, by which threads see different descriptors; it was taken out.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(io::Error::from)
}
