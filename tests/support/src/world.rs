//! A machine in a line: [`World`] runs programs in a VM and tells how they went, as the oracles do.

use std::path::Path;
use std::time::Duration;

use cenote::{NodeRuntime, NodeRuntimeBuilder, TerminalOptions};

use crate::oracle::Outcome;

/// What a terminal shows when its settings are made, before the program starts.
const READY: u8 = 6;

/// A machine, with the executor that drives its calls.
#[derive(Debug)]
pub struct World {
    executor: tokio::runtime::Runtime,
    machine: NodeRuntime,
}

/// One program to be run in a [`World`].
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// The command, by name or path.
    pub program: &'a str,
    /// Its arguments.
    pub args: &'a [String],
    /// Its working directory.
    pub cwd: &'a str,
    /// Variables over the machine's own.
    pub env: &'a [(&'a str, String)],
    /// Its standard input.
    pub stdin: &'a [u8],
    /// When to give up.
    pub timeout: Duration,
}

impl World {
    /// A machine with default options.
    ///
    /// # Errors
    /// The message of the failure.
    pub fn new() -> Result<Self, String> {
        Self::with(|builder| builder)
    }

    /// A machine with the options that `configure` sets.
    ///
    /// # Errors
    /// The message of the failure.
    pub fn with(
        configure: impl FnOnce(NodeRuntimeBuilder) -> NodeRuntimeBuilder,
    ) -> Result<Self, String> {
        let executor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no executor: {error}"))?;
        let machine = executor
            .block_on(configure(NodeRuntime::builder()).create())
            .map_err(|error| format!("no machine: {error}"))?;
        Ok(Self { executor, machine })
    }

    /// The machine itself.
    #[must_use]
    pub fn machine(&self) -> &NodeRuntime {
        &self.machine
    }

    /// Drives one call of the machine to its end.
    pub fn drive<T>(&self, call: impl Future<Output = T>) -> T {
        self.executor.block_on(call)
    }

    /// Runs a program to its end.
    ///
    /// # Errors
    /// When it cannot be started, or does not end in time.
    pub fn run(&self, job: &Job<'_>) -> Result<Outcome, String> {
        let call = self
            .machine
            .exec_command(job.program, job.args.iter().map(String::as_str))
            .cwd(job.cwd)
            .envs(job.env.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(job.stdin)
            .timeout(job.timeout);
        let output = self
            .drive(call.into_future())
            .map_err(|error| format!("in the machine: {error}"))?;
        let outcome = Outcome {
            stdout: output.stdout.into_bytes(),
            stderr: output.stderr.into_bytes(),
            status: output.exit_code,
        };
        if output.timed_out {
            return Err(format!(
                "`{}` did not end within {:?} in the machine\n--- stdout until then\n{}\n--- stderr until then\n{}",
                job.program,
                job.timeout,
                String::from_utf8_lossy(&outcome.stdout),
                String::from_utf8_lossy(&outcome.stderr),
            ));
        }
        Ok(outcome)
    }

    /// Runs a program to its end on a terminal that stty(1) gave `settings`: standard input is typed at once, what is shown is its output.
    ///
    /// # Errors
    /// When it cannot be started, or does not end in time.
    pub fn run_on_terminal(&self, job: &Job<'_>, settings: &str) -> Result<Outcome, String> {
        // The control character says that the settings are made.
        let script = r#"stty $0 && printf '\6' && exec "$@""#;
        let mut args = vec!["-c", script, settings, job.program];
        args.extend(job.args.iter().map(String::as_str));
        let mut options = TerminalOptions::new().program("sh", args).cwd(job.cwd);
        for (name, value) in job.env {
            options = options.env(*name, value);
        }
        let mut shown = Vec::new();
        let ended = self.drive(async {
            let terminal = self
                .machine
                .open_terminal(options)
                .await
                .map_err(|error| format!("in the machine: {error}"))?;
            let mut output = terminal.output();
            let conversation = async {
                let mut has_typed = false;
                while let Some(chunk) = output.next().await {
                    shown.extend(chunk);
                    if !has_typed && shown.contains(&READY) {
                        has_typed = true;
                        terminal
                            .write(job.stdin)
                            .await
                            .map_err(|error| error.to_string())?;
                    }
                }
                terminal.wait().await.map_err(|error| error.to_string())
            };
            tokio::time::timeout(job.timeout, conversation)
                .await
                .unwrap_or_else(|_| {
                    Err(format!(
                        "`{}` did not end within {:?} on its terminal",
                        job.program, job.timeout
                    ))
                })
        });
        let shown: Vec<u8> = match shown.iter().position(|byte| *byte == READY) {
            Some(at) => shown.split_off(at + 1),
            None => shown,
        };
        match ended {
            Ok(status) => Ok(Outcome {
                stdout: shown,
                stderr: Vec::new(),
                status,
            }),
            Err(message) => Err(format!(
                "{message}\n--- shown until then\n{}",
                String::from_utf8_lossy(&shown)
            )),
        }
    }

    /// Writes a file of the machine, its directories made.
    ///
    /// # Errors
    /// The message of the failure.
    pub fn write(&self, path: &str, content: &[u8]) -> Result<(), String> {
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        self.make_directory(directory)?;
        self.drive(self.machine.write_file(path, content))
            .map_err(|error| error.to_string())
    }

    /// Makes a directory of the machine and those above it.
    ///
    /// # Errors
    /// The message of the failure.
    pub fn make_directory(&self, path: &str) -> Result<(), String> {
        if path.is_empty() {
            return Ok(());
        }
        self.drive(self.machine.mkdir(path))
            .map_err(|error| error.to_string())
    }

    /// Copies a directory of the host, files and directories, to `guest` in the machine.
    ///
    /// # Errors
    /// The message of the failure.
    pub fn copy_tree(&self, host: &Path, guest: &str) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("{}: {error}", host.display());
        self.make_directory(guest)?;
        for entry in host.read_dir().map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let to = format!("{guest}/{name}");
            if path.is_dir() {
                self.copy_tree(&path, &to)?;
            } else {
                self.write(&to, &std::fs::read(&path).map_err(failed)?)?;
            }
        }
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.executor.block_on(self.machine.dispose());
    }
}
