//! Programs of both worlds as processes of a kernel with its root in memory: the shipped shells and tools, hand-written
//! modules for one behaviour each, and what is refused or stopped.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod limits;
mod programs;
mod shell;
mod wasi;
mod world;
