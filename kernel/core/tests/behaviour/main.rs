//! How the calls behave: each group through the call layer, with programs that are closures and a clock that stands still.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where it is surprised"
)]
mod event;
mod file;
mod limits;
mod pipe;
mod process;
mod procfs;
mod signal;
mod socket;
mod stress;
mod tty;
mod world;
