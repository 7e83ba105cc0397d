//! Where the project lies, and running programs in it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a command returns: a message for people when it failed.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// Returns the root of the project.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("xtask lies in a folder of the project")
        .to_path_buf()
}

/// Makes a `cargo` command, with the cargo that runs us.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    // What `cargo run` says of this program: build scripts that look at it would run again, and all that needs them be built again.
    for (name, _) in std::env::vars_os() {
        let is_of_us = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if is_of_us {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command with our own standard streams.
///
/// # Errors
/// When it cannot be started or fails.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let shown = show(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown}: {status}")),
        Err(error) => Err(format!("{shown}: {error}")),
    }
}

/// Runs a command and returns what it wrote.
///
/// # Errors
/// When it cannot be started, fails, or writes something other than UTF-8.
pub(crate) fn capture(command: &mut Command) -> Outcome<String> {
    let shown = show(command);
    let output = command
        .output()
        .map_err(|error| format!("{shown}: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "{shown}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{shown}: {error}"))
}

/// Tells whether a program of this name answers `--version`.
pub(crate) fn has(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Reads a text file of the project.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read(path: &str) -> Outcome<String> {
    std::fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}"))
}

/// Writes a text file of the project, making its folder, and says so.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(path: &str, text: &str) -> Outcome {
    let full = root().join(path);
    if std::fs::read_to_string(&full).is_ok_and(|old| old == text) {
        return Ok(());
    }
    if let Some(folder) = full.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    std::fs::write(&full, text).map_err(|error| format!("{path}: {error}"))?;
    println!("wrote {path}");
    Ok(())
}

fn show(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}
