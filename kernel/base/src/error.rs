//! Why a system call failed: [`SysError`], an errno and a note.
//!
//! Everything a guest can cause is a `SysError`. A bug or a failure of the host is not: those are typed errors of
//! the crate where they arise and reach the embedder.

use core::fmt;
use core::num::NonZeroU32;

use cenote_abi::Errno;

/// The result of a system call.
pub type SysResult<T = ()> = Result<T, SysError>;

/// Why a system call failed: the number the guest sees, and a note for our own logs.
///
/// An *interrupted* error is `EINTR` that may instead be restarted once the signal was handled (signal(7),
/// "Interruption of system calls"): runtimes ask [`is_restartable`](Self::is_restartable) and run the call again when
/// every handler that ran had `SA_RESTART`.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct SysError {
    errno: Errno,
    restartable: bool,
    refusal: Option<NonZeroU32>,
    note: Option<&'static str>,
}

impl SysError {
    /// An error with its number only.
    #[must_use]
    pub const fn new(errno: Errno) -> Self {
        Self {
            errno,
            restartable: false,
            refusal: None,
            note: None,
        }
    }

    /// An error whose cause is worth a line in the trace.
    #[must_use]
    pub const fn with_note(errno: Errno, note: &'static str) -> Self {
        Self {
            errno,
            restartable: false,
            refusal: None,
            note: Some(note),
        }
    }

    /// A wait cut short by a signal; the call may be restarted after the handler.
    #[must_use]
    pub const fn interrupted() -> Self {
        Self {
            errno: Errno::EINTR,
            restartable: true,
            refusal: None,
            note: None,
        }
    }

    /// A wait cut short by a signal in a call that is never restarted (poll, nanosleep, sigsuspend …).
    #[must_use]
    pub const fn interrupted_for_good() -> Self {
        Self {
            errno: Errno::EINTR,
            restartable: false,
            refusal: None,
            note: None,
        }
    }

    /// The same, refused for a reason that the guest is told where its error has room for it: the number under which its kernel keeps the text.
    #[must_use]
    pub const fn for_reason(self, number: NonZeroU32) -> Self {
        Self {
            refusal: Some(number),
            ..self
        }
    }

    /// See [`for_reason`](Self::for_reason).
    #[must_use]
    pub const fn reason(&self) -> Option<NonZeroU32> {
        self.refusal
    }

    /// The number the guest sees.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        self.errno
    }

    /// The note, if there is one.
    #[must_use]
    pub const fn note(&self) -> Option<&'static str> {
        self.note
    }

    /// Whether the call may be run again after the signal's handler instead of failing with `EINTR`.
    #[must_use]
    pub const fn is_restartable(&self) -> bool {
        self.restartable
    }
}

impl From<Errno> for SysError {
    fn from(errno: Errno) -> Self {
        Self::new(errno)
    }
}

impl fmt::Debug for SysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.errno.name())?;
        match self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for SysError {}
