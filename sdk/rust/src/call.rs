//! Calls that run something: [`Call`], a builder that is awaited.
//!
//! [`Exec`] runs to the end and captures output, [`Run`] also brings back a JSON value, [`Spawn`] returns at once with a live handle.
//! The code or command is fixed when the call is made; options are set on the builder; nothing runs before `.await`.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use cenote_abi::signal::SigNum;
use cenote_abi::wait::WaitStatus;
use serde::de::DeserializeOwned;

use crate::captured::{Captured, OnOutput};
use crate::machine::Machine;
use crate::process::{Input, Process, ReturnChannel, ReturnedJson};
use crate::{Error, host};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How guest JavaScript given as text is read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ModuleType {
    /// As an ES module: `import`, top-level `await`.
    #[default]
    Module,
    /// As CommonJS: `require`.
    CommonJs,
}

/// Marks a [`Call`] that runs to its end: awaiting gives an [`Output`].
#[derive(Debug)]
pub struct Exec(());
/// Marks a [`Call`] that brings back a value: awaiting gives a [`Returned`].
#[derive(Debug)]
pub struct Run<T>(PhantomData<fn() -> T>);
/// Marks a [`Call`] that starts a process: awaiting gives a [`Process`].
#[derive(Debug)]
pub struct Spawn(());

/// What is to be run.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// JavaScript as text.
    Code {
        code: String,
        module: ModuleType,
        /// The file it is to be.
        filename: Option<String>,
    },
    /// A command of the machine, by name or path.
    Command { program: String },
}

/// Options of one call.
pub(crate) struct Settings {
    pub(crate) target: Target,
    pub(crate) args: Vec<Vec<u8>>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: Option<String>,
    pub(crate) input: Input,
    pub(crate) timeout: Option<Duration>,
    pub(crate) cancel: Option<BoxFuture<()>>,
    pub(crate) on_stdout: Option<OnOutput>,
    pub(crate) on_stderr: Option<OnOutput>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("target", &self.target)
            .field("args", &self.args.len())
            .field("env", &self.env)
            .field("cwd", &self.cwd)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Something to run, with its options; `.await` runs it. `K` is [`Exec`], [`Run`] or [`Spawn`].
#[must_use = "nothing runs until the call is awaited"]
pub struct Call<K> {
    machine: Arc<Machine>,
    settings: Settings,
    kind: PhantomData<fn() -> K>,
}

impl<K> fmt::Debug for Call<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

impl<K> Call<K> {
    pub(crate) fn new(machine: &Arc<Machine>, target: Target) -> Self {
        let settings = Settings {
            target,
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: None,
            input: Input::Empty,
            timeout: None,
            cancel: None,
            on_stdout: None,
            on_stderr: None,
        };
        Self {
            machine: Arc::clone(machine),
            settings,
            kind: PhantomData,
        }
    }

    /// Adds an environment variable, over the machine's own.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.env.insert(name.into(), value.into());
        self
    }

    /// Adds environment variables, over the machine's own.
    pub fn envs<N: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.settings.env.extend(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
        self
    }

    /// Sets the working directory (the machine's default otherwise).
    pub fn cwd(mut self, path: impl Into<String>) -> Self {
        self.settings.cwd = Some(path.into());
        self
    }

    /// Adds arguments: `process.argv` from index 1 on for code, the command's arguments for a command.
    pub fn args<A: Into<Vec<u8>>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.settings.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Gives standard input as bytes; it ends after them. Without this, `exec` and `run` read an empty input.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.settings.input = Input::Bytes(bytes.into());
        self
    }

    /// Kills everything the call started once this much wall time has passed.
    pub fn timeout(mut self, after: Duration) -> Self {
        self.settings.timeout = Some(after);
        self
    }

    /// Kills everything the call started when `signal` completes.
    pub fn cancel_on(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.settings.cancel = Some(Box::pin(signal));
        self
    }

    /// Calls back with output as it comes, instead of keeping it. The guest waits for the callback.
    pub fn on_stdout(mut self, callback: impl FnMut(&[u8]) + Send + 'static) -> Self {
        self.settings.on_stdout = Some(Box::new(callback));
        self
    }

    /// As [`on_stdout`](Self::on_stdout), for standard error.
    pub fn on_stderr(mut self, callback: impl FnMut(&[u8]) + Send + 'static) -> Self {
        self.settings.on_stderr = Some(Box::new(callback));
        self
    }

    /// Reads code as CommonJS instead of as an ES module. Means nothing for commands.
    pub fn common_js(mut self) -> Self {
        if let Target::Code { module, .. } = &mut self.settings.target {
            *module = ModuleType::CommonJs;
        }
        self
    }

    /// Runs code as if it were this file of the machine: stack traces, `import.meta.url`, `__filename` and `process.argv[1]` say so, and relative
    /// imports are looked for beside it. An absolute path; nothing need be there, and what is there is not read. Means nothing for commands.
    ///
    /// By default code has no file: traces say `[eval1]`, and imports are relative to the working directory.
    pub fn filename(mut self, path: impl Into<String>) -> Self {
        if let Target::Code { filename, .. } = &mut self.settings.target {
            *filename = Some(path.into());
        }
        self
    }
}

/// How a finished call went.
#[derive(Clone, Debug)]
pub struct Output {
    /// What was written to standard output.
    pub stdout: Captured,
    /// What was written to standard error.
    pub stderr: Captured,
    /// 0–255 as the program said, or 128 + n when signal n ended it.
    pub exit_code: i32,
    /// The signal that ended the process.
    pub signal: Option<SigNum>,
    /// Whether the call's timeout ended it.
    pub timed_out: bool,
    /// Whether the call was cancelled.
    pub cancelled: bool,
}

/// The exit code a shell would show: the status, or 128 + the signal's number.
pub(crate) fn exit_code(status: WaitStatus) -> (i32, Option<SigNum>) {
    match status {
        WaitStatus::Exited(code) => (i32::from(code), None),
        WaitStatus::Signaled { signal, .. } => (128 + signal.raw(), Some(signal)),
        // A finished process is never stopped or continued.
        WaitStatus::Stopped(signal) => (128 + signal.raw(), Some(signal)),
        WaitStatus::Continued => (0, None),
    }
}

enum End {
    Exited,
    TimedOut,
    Cancelled,
}

/// Waits for the end of a process, and brings it about when the timeout has passed or the call is cancelled.
async fn until_ended(
    process: &Process,
    timeout: Option<Duration>,
    cancel: Option<BoxFuture<()>>,
) -> End {
    let deadline = async {
        match timeout {
            Some(after) => tokio::time::sleep(after).await,
            None => std::future::pending().await,
        }
    };
    let cancelled = cancel.unwrap_or_else(|| Box::pin(std::future::pending()));
    let end = tokio::select! {
        biased;
        _ = process.status() => End::Exited,
        () = cancelled => End::Cancelled,
        () = deadline => End::TimedOut,
    };
    if !matches!(end, End::Exited) {
        process.end_all().await;
    }
    end
}

/// Runs a process to its end under the call's timeout and cancellation.
async fn finish(
    process: &Process,
    timeout: Option<Duration>,
    cancel: Option<BoxFuture<()>>,
) -> Result<Output, Error> {
    let end = until_ended(process, timeout, cancel).await;
    let (exit_code, signal) = exit_code(process.status().await);
    let (stdout, stderr) = process.collect().await;
    process.check().await?;
    Ok(Output {
        stdout,
        stderr,
        exit_code,
        signal,
        timed_out: matches!(end, End::TimedOut),
        cancelled: matches!(end, End::Cancelled),
    })
}

/// Ends the process of a call that was dropped before it ended.
struct Abandoned<'a>(&'a Process);

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if self.0.exit_code().is_none() {
            self.0.kill_all();
        }
    }
}

/// Starts a call and runs it to its end; dropping the future kills what was started.
async fn to_the_end(
    machine: Arc<Machine>,
    mut settings: Settings,
    channel: Option<ReturnChannel>,
) -> Result<Output, Error> {
    let (timeout, cancel) = (settings.timeout.take(), settings.cancel.take());
    let process = Process::start(&machine, settings, channel).await?;
    let guard = Abandoned(&process);
    let output = finish(&process, timeout, cancel).await;
    drop(guard);
    output
}

impl IntoFuture for Call<Exec> {
    type Output = Result<Output, Error>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        host::run(to_the_end(self.machine, self.settings, None))
    }
}

/// A value a guest returned, and how its process went.
#[derive(Clone, Debug)]
pub struct Returned<T> {
    /// What the guest passed to `__return(value)`.
    pub value: T,
    /// Output and exit code.
    pub output: Output,
}

impl<T: DeserializeOwned + Send + 'static> IntoFuture for Call<Run<T>> {
    type Output = Result<Returned<T>, Error>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        host::run(async move {
            let (channel, returned) = ReturnChannel::open(&self.machine)?;
            let output = to_the_end(self.machine, self.settings, Some(channel)).await?;
            let json = returned.value().await;
            if json.is_empty() {
                let stderr = output.stderr.text();
                let from = stderr
                    .char_indices()
                    .rev()
                    .nth(999)
                    .map_or(0, |(index, _)| index);
                let stderr = stderr.get(from..).unwrap_or_default().trim().to_owned();
                return Err(Error::NothingReturned {
                    exit_code: output.exit_code,
                    stderr,
                });
            }
            Ok(Returned {
                value: serde_json::from_slice(&json)?,
                output,
            })
        })
    }
}

impl IntoFuture for Call<Spawn> {
    type Output = Result<Process, Error>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        host::run(start(self.machine, self.settings, None))
    }
}

impl Call<Spawn> {
    /// Starts code as awaiting does, and also brings back what it passes to the global `__return(value)`.
    ///
    /// # Errors
    /// As awaiting the call.
    pub async fn returning(self) -> Result<(Process, ReturnedJson), Error> {
        host::run(async move {
            let (channel, returned) = ReturnChannel::open(&self.machine)?;
            let process = start(self.machine, self.settings, Some(channel)).await?;
            Ok((process, returned))
        })
        .await
    }
}

/// Starts a process whose input stays open, and ends it when its timeout or cancellation says so.
async fn start(
    machine: Arc<Machine>,
    mut settings: Settings,
    channel: Option<ReturnChannel>,
) -> Result<Process, Error> {
    let (timeout, cancel) = (settings.timeout.take(), settings.cancel.take());
    if matches!(settings.input, Input::Empty) {
        settings.input = Input::Open;
    }
    let process = Process::start(&machine, settings, channel).await?;
    if timeout.is_some() || cancel.is_some() {
        let watched = process.clone();
        host::spawn(async move {
            until_ended(&watched, timeout, cancel).await;
        });
    }
    Ok(process)
}
