//! The host's side: the same shell and the same Node version, as processes of the machine under us.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use cenote_test::oracle;

/// Programs of the host.
#[derive(Debug)]
pub(crate) struct Host {
    /// Node of the version whose library we run.
    pub(crate) node: PathBuf,
    pub(crate) dash: PathBuf,
    pub(crate) bash: PathBuf,
}

impl Host {
    /// Finds the programs.
    ///
    /// # Errors
    /// Names one that is missing.
    pub(crate) fn new() -> Result<Self, String> {
        let find = |name: &str| {
            oracle::program(name).ok_or_else(|| format!("the host has no `{name}` to compare with"))
        };
        let node = oracle::node()
            .ok_or("the pinned Node is not in the cache: run `cargo xtask node-lib`")?;
        Ok(Self {
            node,
            dash: find("dash")?,
            bash: find("bash")?,
        })
    }

    /// Runs a program to its end and returns how long that took, and what it wrote.
    ///
    /// # Errors
    /// When it cannot be started or fails.
    pub(crate) fn run(program: &PathBuf, args: &[&str]) -> Result<(Duration, String), String> {
        let start = Instant::now();
        // A clean, small environment, as a machine's processes have. A tmpfs, as a machine's files are in memory.
        let output = Command::new(program)
            .args(args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("TMPDIR", "/dev/shm")
            .current_dir("/dev/shm")
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let took = start.elapsed();
        if !output.status.success() {
            return Err(format!(
                "{}: {}: {}",
                program.display(),
                output.status,
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        Ok((took, String::from_utf8_lossy(&output.stdout).into_owned()))
    }
}
