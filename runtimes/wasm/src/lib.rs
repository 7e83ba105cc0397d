//! The WebAssembly runtime: Linux and WASI programs on wasmtime, as processes of a Cenote kernel.
//!
//! [`WasmRuntime`] implements the kernel's `Runtime`. A module says by its imports which world it was built for:
//! `wali` and `cenote` (Linux's calls, `linux/`) or `wasi_snapshot_preview1` (`wasi_p1/`). Both only translate: decode
//! what lies in guest memory, make a typed call of the kernel, encode the result. Components (WASI 0.2, `component/`) go
//! through `wasmtime-wasi`, whose streams, clocks and files are the kernel's here.
//!
//! Reading order: `runtime`, `image` and `module_cache` (bytes to code), `program` and `process` (one process),
//! `schedule` (whose turn it is),
//! `memory` (guest memory), then the worlds.
#![deny(unsafe_code)]

mod component;
mod digest_cache;
mod engine;
mod error;
mod image;
mod linux;
mod looks;
mod memory;
mod module_cache;
mod pace;
mod process;
mod program;
mod runtime;
mod schedule;
mod wasi_p1;

pub use engine::reserve_programs;
pub use error::EngineError;
pub use module_cache::{CompileObserver, module_directory};
pub use runtime::{WasmOptions, WasmRuntime};
