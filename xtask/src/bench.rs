//! `cargo xtask bench`: the speed table of ARCHITECTURE.md, measured beside the host's own programs in one run.

use crate::flags::BenchOptions;
use crate::workspace::{self, Outcome, cargo};

/// Builds the harness (tests/bench) as users would build it, and runs it; it writes docs/bench.md.
///
/// # Errors
/// When it fails.
pub(crate) fn run(options: &BenchOptions) -> Outcome {
    let mut command = cargo(&["run", "--release", "--package", "cenote-bench", "--"]);
    workspace::run(command.args(&options.arguments))
}
