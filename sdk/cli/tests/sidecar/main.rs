//! The sidecar as it ships, over its own socket: `cenote serve` with its workers.
//!
//! `services` calls each service; `faults` is about what goes wrong: guests that make V8 abort, workers and sidecars that are killed, callers
//! that do not read; `fuzz` about callers that send nonsense, `answers` about embedders that do; `scale` about many machines and much output, at full size with `CENOTE_SOAK=1`;
//! `broker` about machines that may use the network, `snapshots` about files kept, carried and watched; `doors` is about who may come in, `host` about what the embedder answers, `standards`
//! about what standard tools ask: health, reflection, traces.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests, which tell what they measured"
)]

mod answers;
mod broker;
mod doors;
mod faults;
mod fuzz;
mod harness;
mod host;
mod scale;
mod services;
mod snapshots;
mod standards;
