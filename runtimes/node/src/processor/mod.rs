//! How much of the processor a process uses: `meter` counts what its threads use, `watch` looks that it stays within its limit
//! whatever those threads do: a loop of JavaScript, a long call of native code, or nothing.
//!
//! V8's own threads (compiling and collecting aside of the program) serve all machines of the host process and are nobody's.

mod meter;
mod watch;

pub(crate) use meter::{Measured, Meter};
