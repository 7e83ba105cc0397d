//! `cargo xtask conformance`: other projects' suites, run in the VM by the runners under tests/conformance.

use crate::flags::{ConformanceOptions, Suite};
use crate::workspace::{self, Outcome, cargo};

/// Builds and runs the suite's runner.
///
/// # Errors
/// When it fails: a test that should pass did not, or one that should fail did not either.
pub(crate) fn run(options: &ConformanceOptions) -> Outcome {
    let suite = match options.suite {
        Suite::Node => "node",
        Suite::Linux => "linux",
        Suite::Shell => "shell",
    };
    let mut command = cargo(&[
        "run",
        "--quiet",
        "--package",
        "cenote-conformance",
        "--",
        suite,
    ]);
    workspace::run(command.args(&options.arguments))
}
