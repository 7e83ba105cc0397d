//! Components: WASI 0.2 programs (`wasi:cli/command`), through `wasmtime-wasi`.
//!
//! The interfaces, resources and streams are `wasmtime-wasi`'s; what they stand on is the kernel's: the standard streams and all
//! byte streams ([`streams`]), the files (`filesystem`, which takes the place of the crate's own over the host's), clocks and
//! randomness ([`state`]). A component is one process with one thread. It has no sockets yet: creating one is refused.
//!
//! Neighbours: `module_cache` compiles and keeps components as it does modules; `program` is the same for core modules.

mod bindings;
mod convert;
mod filesystem;
mod program;
mod state;
mod streams;
#[cfg(test)]
mod tests;

pub(crate) use program::{ComponentImage, ComponentProgram};
pub(crate) use state::{ComponentProcess, define};
