//! The real thing on the host, run as the oracle: dash, bash, Node 24, native builds of the C guests.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::repository;

/// How a program went, on the host or in a machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// The exit status, or 128 + n when signal n ended it.
    pub status: i32,
}

impl Outcome {
    /// What differs from `expected` in output and status, for a message; nothing if they are equal. Standard error is
    /// compared when `with_stderr`.
    #[must_use]
    pub fn difference(&self, expected: &Self, with_stderr: bool) -> Option<String> {
        let mut text = String::new();
        if self.status != expected.status {
            text += &format!("status {} instead of {}\n", self.status, expected.status);
        }
        let mut compare = |name: &str, ours: &[u8], theirs: &[u8]| {
            if ours != theirs {
                let (ours, theirs) = (
                    String::from_utf8_lossy(ours),
                    String::from_utf8_lossy(theirs),
                );
                text += &format!(
                    "--- {name} of the real thing\n{theirs}\n--- {name} in the machine\n{ours}\n"
                );
            }
        };
        compare("stdout", &self.stdout, &expected.stdout);
        if with_stderr {
            compare("stderr", &self.stderr, &expected.stderr);
        }
        if text.is_empty() {
            return None;
        }
        if !with_stderr && !self.stderr.is_empty() {
            text += &format!(
                "--- stderr in the machine (not compared)\n{}\n",
                String::from_utf8_lossy(&self.stderr)
            );
        }
        Some(text)
    }
}

/// Runs a host command to its end, killed (with its group) after `timeout`.
///
/// # Errors
/// When it cannot be started, or has to be killed.
pub fn run(command: &mut Command, stdin: &[u8], timeout: Duration) -> std::io::Result<Outcome> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let pipe = |name: &str| std::io::Error::other(format!("no pipe for {name}"));
    let mut to = child.stdin.take().ok_or_else(|| pipe("stdin"))?;
    let (mut from, mut from_err) = (
        child.stdout.take().ok_or_else(|| pipe("stdout"))?,
        child.stderr.take().ok_or_else(|| pipe("stderr"))?,
    );
    let input = stdin.to_vec();
    // A program that does not read its input makes this fail: not our matter.
    let writer = std::thread::spawn(move || to.write_all(&input).is_ok());
    let read = move |from: &mut dyn Read| {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).map(|_| bytes)
    };
    let out = std::thread::spawn(move || read(&mut from));
    let err = std::thread::spawn(move || read(&mut from_err));
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begin.elapsed() > timeout {
            let group = format!("-{}", child.id());
            Command::new("kill")
                .args(["-KILL", "--", &group])
                .status()?;
            child.wait()?;
            return Err(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                "the oracle did not end in time",
            ));
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let joined = |result: std::thread::Result<std::io::Result<Vec<u8>>>| {
        result.map_err(|_| std::io::Error::other("a reader panicked"))?
    };
    let (stdout, stderr) = (joined(out.join())?, joined(err.join())?);
    drop(writer);
    let status = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(Outcome {
        stdout,
        stderr,
        status,
    })
}

/// Real Node 24 of the version whose library we run: `$CENOTE_TEST_NODE`, or the pinned package in the cache, where the build put it.
#[must_use]
pub fn node() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CENOTE_TEST_NODE") {
        return Some(path.into());
    }
    [
        repository::cache().join("npm/package/bin/node"),
        repository::cache().join("node/bin/node"),
    ]
    .into_iter()
    .find(|path| path.is_file())
}

/// A program of the host, found in `PATH`.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
}

/// The environment every oracle runs in: nothing of ours but `PATH`.
#[must_use]
pub fn command(program: &Path, cwd: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir(cwd);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
        .env("HOME", cwd)
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC");
    command
}
