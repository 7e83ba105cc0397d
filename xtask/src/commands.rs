//! `cargo xtask commands`: builds the WebAssembly programs that ship. The work is commands/build.sh's.

use std::process::Command;

use crate::flags::CommandsOptions;
use crate::workspace::{self, Outcome};

/// Runs the build.
///
/// # Errors
/// When it fails.
pub(crate) fn run(options: &CommandsOptions) -> Outcome {
    let root = workspace::root();
    // Listing and pinning need no toolchain.
    let needs_toolchain = !options
        .arguments
        .iter()
        .any(|argument| argument.starts_with("--"));
    let mut command = if needs_toolchain {
        Command::new(root.join("commands/build.sh"))
    } else {
        let mut python = Command::new("python3");
        python.arg(root.join("commands/build.py"));
        python
    };
    workspace::run(command.args(&options.arguments).current_dir(&root))
}
