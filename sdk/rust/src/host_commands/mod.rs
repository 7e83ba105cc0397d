//! Programs of the embedder that guests may start: [`HostCommands`].
//!
//! A guest that starts such a program gets a process of its own kernel: with a process id, standard streams, signals and a wait status as
//! any other. What the process does is the embedder's: its [`CommandExecutor`] is handed name, arguments, environment and the streams, and
//! says how it ends. Whether a guest may start it, the `child_process` permission decides, before the executor hears of it.
//!
//! * [`executor`]: what the embedder implements, and which names it is asked for
//! * [`streams`]: the process's standard streams and signals, as the embedder has them
//! * [`line`]: the same of a process in another OS process
//! * [`runtime`]: the kernel's runtime for these programs
//! * [`process`]: one of them while it runs
//!
//! Locks are leaves.

mod executor;
mod line;
mod process;
mod runtime;
mod streams;

pub use executor::{
    CommandAnswer, CommandEnd, CommandExecutor, HostCommand, HostCommands, Starting,
};
pub(crate) use executor::{Commands, PATIENCE};
pub(crate) use line::{Line, Output, Wish, line};
pub(crate) use runtime::{HostCommandRuntime, write_files};
pub use streams::{CommandInput, CommandOutput, CommandSignals, CommandStreams};
