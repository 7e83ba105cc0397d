//! Failures of the host or of this runtime, and the ways a guest's run ends that are not its return.
//!
//! What a guest can cause is a `SysError` and never one of these; [`Stop`] travels through wasmtime as its error type.

use thiserror::Error;

/// Why the engine could not be made; reaches the embedder.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// wasmtime refused the configuration, or the machine has no address space left for the instance pool.
    #[error("the WebAssembly engine could not be made: {0}")]
    Configuration(String),
    /// The thread that counts epochs could not be started.
    #[error("the epoch thread could not be started: {0}")]
    Ticker(String),
    /// The table of host functions is inconsistent: a bug.
    #[error("the host functions could not be defined: {0}")]
    Linker(String),
}

/// Why a guest's stack is unwound from inside a host call.
#[derive(Clone, Copy, Debug, Error, Eq, PartialEq)]
pub(crate) enum Stop {
    /// The process ends: it called `exit`, or was killed. The status is in the task.
    #[error("the process ends")]
    End,
    /// `execve` succeeded; the next program lies in the process.
    #[error("the process becomes another program")]
    Exec,
}
