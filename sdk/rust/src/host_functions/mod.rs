//! Functions of the embedder that guests may call: [`HostFunctions`].
//!
//! A collection of functions becomes a frozen global object of that name in every `node` process of the machine, with one async
//! function each, and a command `cenote-<collection>` in the shell. Arguments are one JSON value, checked against the function's
//! JSON Schema before the embedder's code sees it; the answer is a JSON value or an error with a name and a message.
//!
//! * [`function`]: a function and how it is called
//! * [`serve`]: the Unix socket in the machine on which guests ask
//! * [`install`]: the files in the machine: the client, the list, the commands

mod function;
mod install;
mod serve;

pub use function::{HostFunction, HostFunctionError, HostFunctions};
pub(crate) use install::write_files;
pub(crate) use serve::{Collections, Described, serve};
