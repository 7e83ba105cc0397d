//! `cargo xtask soak`: the sidecar's tests of scale at the size that is promised, where `cargo test` runs them small.

use crate::workspace::{self, Outcome, cargo};

/// Runs the tests of `sdk/cli/tests/sidecar/scale.rs` one by one, on a release build, with `CENOTE_SOAK=1`; they tell what they measured.
///
/// # Errors
/// When one fails.
pub(crate) fn run() -> Outcome {
    let mut command = cargo(&[
        "test",
        "--release",
        "--package",
        "cenote-cli",
        "--test",
        "sidecar",
        "--",
        "scale::",
        "--nocapture",
        "--test-threads=1",
    ]);
    workspace::run(command.env("CENOTE_SOAK", "1"))
}
