//! What can go wrong for the embedder: [`Error`].
//!
//! A guest that fails is not an error here: its exit code says so. These are failures to start it, bad options, files
//! that cannot be reached, and a machine that is gone.

use std::path::PathBuf;

use cenote_base::SysError;

use crate::Scope;

/// Why a call of this crate failed.
#[derive(Debug, thiserror::Error)]
#[expect(
    clippy::error_impl_error,
    reason = "`cenote::Error` reads as `std::io::Error` does"
)]
pub enum Error {
    /// A program could not be started in the machine.
    #[error("cannot start `{program}`: {cause}")]
    Start {
        /// What was to be run.
        program: String,
        /// Why not.
        cause: SysError,
    },
    /// A file of the machine could not be reached.
    #[error("{operation} `{path}`: {cause}")]
    File {
        /// The operation, as POSIX names it.
        operation: &'static str,
        /// The path in the machine.
        path: String,
        /// Why not.
        cause: SysError,
    },
    /// A pipe to or from a process failed; `EPIPE` when the process no longer reads its input.
    #[error("{stream} of process {pid}: {cause}")]
    Stream {
        /// `stdin`, `stdout` or `stderr`.
        stream: &'static str,
        /// The process.
        pid: i32,
        /// Why.
        cause: SysError,
    },
    /// The machine could not be built from its options.
    #[error("option `{option}`: {reason}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A host path named in an option cannot be used.
    #[error("option `{option}`: cannot use host path {}: {cause}", path.display())]
    HostPath {
        /// The option's name.
        option: &'static str,
        /// The path.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// The value a guest returned does not fit the type asked for.
    #[error("the value the guest returned does not fit: {0}")]
    Returned(#[from] serde_json::Error),
    /// The process never called `__return(value)`, or ended before it could.
    #[error("the guest returned no value (exit code {exit_code}); its stderr: {stderr}")]
    NothingReturned {
        /// The exit code of the guest.
        exit_code: i32,
        /// The end of what it wrote to stderr.
        stderr: String,
    },
    /// A server in the machine could not be reached; `ECONNREFUSED` when nobody listens on the port.
    #[error("port {port} of the machine: {cause}")]
    Connect {
        /// The port in the machine.
        port: u16,
        /// Why not.
        cause: SysError,
    },
    /// A server in the machine did not answer as HTTP has it, or the exchange broke off.
    #[error("HTTP with port {port} of the machine: {reason}")]
    Http {
        /// The port in the machine.
        port: u16,
        /// What went wrong.
        reason: String,
    },
    /// A host address could not be bound for a port forward.
    #[error("host address {address}: {cause}")]
    HostAddress {
        /// The address.
        address: std::net::SocketAddr,
        /// Why not.
        cause: std::io::Error,
    },
    /// What was waited for did not come in time.
    #[error("waited in vain for {what}")]
    TimedOut {
        /// What.
        what: String,
    },
    /// The machine was disposed of.
    #[error("the machine was disposed of")]
    Disposed,
    /// A tar stream could not be written, or makes no sense.
    #[error("{operation}: {reason}")]
    Archive {
        /// `export`, `import` or `image`.
        operation: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// The process that the machine lived in died, and the machine with it ([`Isolation::Process`](crate::Isolation::Process)).
    #[error("{reason}")]
    WorkerDied {
        /// How it died.
        reason: String,
        /// What it said last.
        stderr: String,
    },
    /// What cannot be had of a machine in another process.
    #[error("not offered by a machine in a process of its own: {what}")]
    NotOffered {
        /// What.
        what: String,
    },
    /// The process that a machine lives in failed in another way.
    #[error("the machine's process answered {code}: {reason}")]
    Remote {
        /// The contract's code (`common.proto`), such as `HOST_GONE`.
        code: String,
        /// In words.
        reason: String,
    },
    /// A runtime could not be set up on this host.
    #[error("the {runtime} runtime cannot start: {reason}")]
    Runtime {
        /// Which.
        runtime: &'static str,
        /// Why not.
        reason: String,
    },
}

impl Error {
    /// The option of the machine's limit that the call met, such as `limits.filesystem_bytes`, where one is the reason.
    #[must_use]
    pub fn limit(&self) -> Option<&'static str> {
        match self {
            Self::Archive { reason, .. } => crate::limits::limit_named(reason),
            _ => crate::limits::limit_behind(self.cause()?),
        }
    }

    /// The part of the machine's permissions that refused the call, where one is the reason.
    #[must_use]
    pub fn permission(&self) -> Option<Scope> {
        Scope::of_refusal(self.cause()?)
    }

    fn cause(&self) -> Option<SysError> {
        match self {
            Self::Start { cause, .. }
            | Self::File { cause, .. }
            | Self::Stream { cause, .. }
            | Self::Connect { cause, .. } => Some(*cause),
            Self::Http { .. }
            | Self::HostAddress { .. }
            | Self::TimedOut { .. }
            | Self::Option { .. }
            | Self::HostPath { .. }
            | Self::Returned(_)
            | Self::NothingReturned { .. }
            | Self::Disposed
            | Self::Archive { .. }
            | Self::WorkerDied { .. }
            | Self::NotOffered { .. }
            | Self::Remote { .. }
            | Self::Runtime { .. } => None,
        }
    }

    /// The guest-side errno behind this error, where there is one.
    #[must_use]
    pub fn errno(&self) -> Option<cenote_abi::Errno> {
        self.cause().map(|cause| cause.errno())
    }
}
