//! The sidecar as it ships, over its own socket: `cenote serve` with its workers.
//!
//! `services` calls each service; `faults` is about what goes wrong: guests that make V8 abort, workers and sidecars that are killed, callers
//! that send nonsense or do not read; `doors` about who may come in.
#![expect(clippy::unwrap_used, reason = "tests")]

mod doors;
mod faults;
mod harness;
mod services;
