//! The processor time of a thread, read from any thread of the host process. Host contact: the machine's clock.

use std::mem::MaybeUninit;
use std::time::Duration;

/// The clock of one thread. It is only read while that thread is known to live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadClock(libc::clockid_t);

impl ThreadClock {
    /// The clock of the calling thread.
    pub(crate) fn of_this_thread() -> Option<Self> {
        let mut id = MaybeUninit::<libc::clockid_t>::uninit();
        // SAFETY: takes nothing and answers a handle of the calling thread.
        let thread = unsafe { libc::pthread_self() };
        // SAFETY: the thread is the calling one, so it lives; the place is one `clockid_t` to write to.
        let failed = unsafe { libc::pthread_getcpuclockid(thread, id.as_mut_ptr()) };
        if failed != 0 {
            return None;
        }
        // SAFETY: the call answered 0, so it wrote the clock's number.
        let id = unsafe { id.assume_init() };
        Some(Self(id))
    }

    /// How long the thread has run in all. `None` once it is gone.
    pub(crate) fn time(self) -> Option<Duration> {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the place is one `timespec` to write to; a clock that is no more is an error, not undefined.
        let failed = unsafe { libc::clock_gettime(self.0, &raw mut time) };
        (failed == 0).then(|| {
            Duration::new(
                u64::try_from(time.tv_sec).unwrap_or_default(),
                u32::try_from(time.tv_nsec).unwrap_or_default(),
            )
        })
    }
}
