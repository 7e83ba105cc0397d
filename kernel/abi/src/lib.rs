//! Linux's numbers and layouts on x86-64: no behaviour.
//!
//! What both sides of a system call must agree on, spelled once: errnos, signals, flags, structures and the table
//! of calls. The kernel, the runtimes and the tests all take their numbers from here, so that a constant is never
//! written twice. Names keep Linux's spelling (`O_CLOEXEC`, `SIGCHLD`); types that a program chooses one of are
//! enums with those spellings as associated constants; sets are `bitflags`.
//!
//! `Stat`, `SigInfo` and their like are plain Rust structures with the widest type of each field: how they lie in a
//! guest's memory is a runtime's business (`runtimes/wasm/src/linux/layout.rs`).
//!
//! On x86-64 Linux every number here is compared with the `libc` crate's by the tests (`tests/libc_oracle.rs`).

#![no_std]
#![forbid(unsafe_code)]

#[macro_use]
mod table;

pub mod clock;
pub mod errno;
pub mod fs;
pub mod limits;
pub mod mman;
pub mod poll;
pub mod random;
pub mod signal;
pub mod socket;
mod syscall_support;
pub mod syscall_table;
pub mod tty;
pub mod user;
pub mod wait;
pub mod wasi;

pub use errno::Errno;
pub use signal::{SigNum, SigSet};
