//! A live process of a machine: [`Process`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::signal::SigNum;
use cenote_abi::wait::WaitStatus;
use cenote_base::{Fd, Pid, SysError};
use cenote_kernel::{ChildHandle, SpawnRequest, host_io};
use cenote_proto::v1::program::What;
use cenote_proto::v1::{Code, ModuleType as WireModule, OutputChannel, Program};
use cenote_vfs::OpenFile;
use parking_lot::Mutex;

use crate::call::{ModuleType, Settings, Target, exit_code};
use crate::captured::{Captured, OutputStream, Sink, pump};
use crate::machine::Machine;
use crate::worker::{Launch, Remote, RemoteChild};
use crate::{Error, host, named_code};

/// Where the process's standard input comes from.
pub(crate) enum Input {
    /// It is empty.
    Empty,
    /// These bytes, then its end.
    Bytes(Vec<u8>),
    /// What [`Process::write_stdin`] gives, until [`Process::close_stdin`].
    Open,
}

/// The descriptor through which `__return(value)` reaches the host.
const RETURN_FD: Fd = Fd::new(3);

/// The guest's end of the channel for a returned value.
pub(crate) enum ReturnChannel {
    /// A pipe of the machine.
    Pipe(Arc<OpenFile>),
    /// What comes back from another process goes here.
    Elsewhere(Arc<Sink>),
}

/// The JSON text of the value that a started process passes to the global `__return(value)`.
#[derive(Debug)]
pub struct ReturnedJson(Arc<Sink>);

impl ReturnChannel {
    pub(crate) fn open(machine: &Machine) -> Result<(Self, ReturnedJson), Error> {
        let sink = Sink::new(machine.output_limit());
        if machine.remote().is_some() {
            return Ok((Self::Elsewhere(Arc::clone(&sink)), ReturnedJson(sink)));
        }
        let (read, write) = machine.pipe()?;
        host::spawn(pump(read, Arc::clone(&sink), None));
        Ok((Self::Pipe(write), ReturnedJson(sink)))
    }
}

impl ReturnedJson {
    /// The JSON text, once the process has ended; empty if nothing was returned. To be called after the end of the process.
    pub async fn value(self) -> Vec<u8> {
        self.0.drain();
        self.0.ended().await;
        self.0.take().into_bytes()
    }
}

/// A live process: the handle outlives it.
///
/// Clones are the same process. Dropping the handle does not end the process; disposing of the machine does.
#[derive(Clone)]
pub struct Process {
    inner: Arc<Inner>,
}

struct Inner {
    machine: Arc<Machine>,
    child: Child,
    stdout: Arc<Sink>,
    stderr: Arc<Sink>,
}

/// The process itself.
enum Child {
    /// Of a kernel in this process, with its input.
    Here(ChildHandle, Mutex<Option<Arc<OpenFile>>>),
    /// Of a machine in another process.
    Elsewhere(Arc<RemoteChild>),
}

impl Process {
    pub(crate) async fn start(
        machine: &Arc<Machine>,
        settings: Settings,
        channel: Option<ReturnChannel>,
    ) -> Result<Self, Error> {
        if let Target::Code {
            filename: Some(filename),
            ..
        } = &settings.target
        {
            named_code::check(filename)?;
        }
        if let Some(remote) = machine.remote() {
            return Self::start_elsewhere(machine, remote, settings, channel).await;
        }
        let (stdin_read, stdin_write) = machine.pipe()?;
        let (stdout_read, stdout_write) = machine.pipe()?;
        let (stderr_read, stderr_write) = machine.pipe()?;
        let mut files = vec![
            (Fd::new(0), stdin_read),
            (Fd::new(1), stdout_write),
            (Fd::new(2), stderr_write),
        ];
        let has_channel = channel.is_some();
        if let Some(ReturnChannel::Pipe(write)) = channel {
            files.push((RETURN_FD, write));
        }

        let (program, argv) = command_line(&settings, has_channel);
        let request = SpawnRequest {
            program: program.clone().into_bytes(),
            argv,
            envp: environment(machine, &settings.env),
            cwd: settings
                .cwd
                .as_deref()
                .unwrap_or(machine.cwd())
                .as_bytes()
                .to_vec(),
            credentials: machine.credentials().clone(),
            files,
            umask: 0o022,
            new_session: true,
            controlling_terminal: None,
        };
        let child = machine
            .kernel()?
            .spawn(request)
            .await
            .map_err(|cause| Error::Start { program, cause })?;

        let (stdout, stderr) = (
            Sink::new(machine.output_limit()),
            Sink::new(machine.output_limit()),
        );
        host::spawn(pump(stdout_read, Arc::clone(&stdout), settings.on_stdout));
        host::spawn(pump(stderr_read, Arc::clone(&stderr), settings.on_stderr));
        let stdin = match settings.input {
            Input::Empty => None,
            Input::Open => Some(stdin_write),
            Input::Bytes(bytes) => {
                host::spawn(async move {
                    // A program that does not read its input is no error of ours.
                    if let Err(error) = host_io::write_all(&stdin_write, &bytes).await {
                        tracing::debug!(%error, "input was not read to its end");
                    }
                });
                None
            }
        };
        let inner = Inner {
            machine: Arc::clone(machine),
            child: Child::Here(child, Mutex::new(stdin)),
            stdout,
            stderr,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    async fn start_elsewhere(
        machine: &Arc<Machine>,
        remote: &Remote,
        settings: Settings,
        channel: Option<ReturnChannel>,
    ) -> Result<Self, Error> {
        let sink = || Sink::new(machine.output_limit());
        let (stdout, stderr) = (sink(), sink());
        let given = settings.env.into_iter();
        let given = given.filter(|(name, value)| machine.permit().env(name, value));
        let launch = Launch {
            program: Program {
                what: Some(what(settings.target)),
                args: settings.args.into_iter().map(Into::into).collect(),
                env: given.collect(),
                cwd: settings.cwd.unwrap_or_default(),
                // Kept here, where the call waits.
                timeout_ms: 0,
            },
            input: settings.input,
            stdout: (Arc::clone(&stdout), settings.on_stdout),
            stderr: (Arc::clone(&stderr), settings.on_stderr),
            returned: match channel {
                Some(ReturnChannel::Elsewhere(sink)) => Some(sink),
                Some(ReturnChannel::Pipe(_)) | None => None,
            },
        };
        let child = RemoteChild::start(remote, launch).await?;
        let inner = Inner {
            machine: Arc::clone(machine),
            child: Child::Elsewhere(child),
            stdout,
            stderr,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The process's id in its machine.
    #[must_use]
    pub fn pid(&self) -> i32 {
        match &self.inner.child {
            Child::Here(child, _) => child.pid().raw(),
            Child::Elsewhere(child) => child.pid(),
        }
    }

    /// Writes to the process's standard input; waits while its pipe is full.
    ///
    /// # Errors
    /// [`Error::Stream`] with `EPIPE` when nobody reads it any more, with `EBADF` after [`close_stdin`](Self::close_stdin).
    pub async fn write_stdin(&self, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
        let failed = |cause| Error::Stream {
            stream: "stdin",
            pid: self.pid(),
            cause,
        };
        let stdin = match &self.inner.child {
            Child::Here(_, stdin) => stdin.lock().clone(),
            Child::Elsewhere(child) => return child.write(bytes.as_ref()).await.map_err(failed),
        };
        let stdin =
            stdin.ok_or_else(|| failed(SysError::with_note(Errno::EBADF, "stdin was closed")))?;
        host_io::write_all(&stdin, bytes.as_ref())
            .await
            .map_err(failed)
    }

    /// Ends the process's standard input; a second time does nothing.
    ///
    /// # Errors
    /// None today.
    pub async fn close_stdin(&self) -> Result<(), Error> {
        match &self.inner.child {
            Child::Here(_, stdin) => {
                let stdin = stdin.lock().take();
                drop(stdin);
            }
            Child::Elsewhere(child) => child.close_stdin().await,
        }
        Ok(())
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// [`Error::Stream`] never; [`Error::Start`] never; `ESRCH` as [`Error::Stream`] on `process` when it has ended.
    pub fn kill(&self, signal: SigNum) -> Result<(), Error> {
        match &self.inner.child {
            Child::Here(child, _) => child.kill(signal).map_err(|cause| Error::Stream {
                stream: "process",
                pid: self.pid(),
                cause,
            }),
            Child::Elsewhere(child) => child.kill(signal),
        }
    }

    /// Waits for the end: the exit code, or 128 + n when signal n ended it.
    ///
    /// # Errors
    /// [`Error::Disposed`] never: disposing ends the process, which this call then reports. [`Error::WorkerDied`] when it went with the
    /// process that its machine lived in.
    pub async fn wait(&self) -> Result<i32, Error> {
        let status = self.status().await;
        self.check().await?;
        Ok(exit_code(status).0)
    }

    /// Waits for the end: the exit code as [`wait`](Self::wait) gives it, and the signal that ended it (`SIGKILL` when it went with the process
    /// that its machine lived in).
    pub async fn ended(&self) -> (i32, Option<SigNum>) {
        exit_code(self.status().await)
    }

    /// The exit code, once the process has ended.
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        let status = match &self.inner.child {
            Child::Here(child, _) => child.try_status(),
            Child::Elsewhere(child) => child.try_status(),
        };
        status.map(|status| exit_code(status).0)
    }

    /// Standard output as a stream, from what was kept so far on. A second stream shares the bytes with the first.
    #[must_use]
    pub fn stdout(&self) -> OutputStream {
        OutputStream::new(Arc::clone(&self.inner.stdout))
    }

    /// Standard error as a stream.
    #[must_use]
    pub fn stderr(&self) -> OutputStream {
        OutputStream::new(Arc::clone(&self.inner.stderr))
    }

    /// Ends the reading of standard output: what was not read is dropped, and who writes to it from now on gets `EPIPE` and `SIGPIPE`, as when
    /// the reader of a pipe goes. Dropping an [`OutputStream`] does not do this: then output is kept, or dropped, and the process goes on.
    pub fn close_stdout(&self) {
        self.close_output(&self.inner.stdout, OutputChannel::Stdout);
    }

    /// The same for standard error.
    pub fn close_stderr(&self) {
        self.close_output(&self.inner.stderr, OutputChannel::Stderr);
    }

    fn close_output(&self, sink: &Sink, channel: OutputChannel) {
        sink.close();
        if let Child::Elsewhere(child) = &self.inner.child {
            child.close_output(channel);
            sink.end();
        }
    }

    /// Sends a signal to the process's group, as a terminal does for Ctrl-C.
    pub fn signal_group(&self, signal: SigNum) {
        self.inner
            .machine
            .signal_group(Pid::new(self.pid()), signal);
    }

    /// Kills the process and everything in its session.
    pub fn kill_all(&self) {
        self.inner.machine.kill_session(Pid::new(self.pid()));
    }

    /// Kills the process and everything in its session; they are gone when this returns, unless one takes seconds to end.
    pub async fn end_all(&self) {
        self.inner.machine.end_session(Pid::new(self.pid())).await;
    }

    /// After the end of the process: lets its streams end once what it wrote was read, though orphans of it may still
    /// hold them open.
    pub async fn finish_output(&self) {
        self.inner.stdout.drain();
        self.inner.stderr.drain();
        self.inner.stdout.ended().await;
        self.inner.stderr.ended().await;
    }

    pub(crate) async fn status(&self) -> WaitStatus {
        match &self.inner.child {
            Child::Here(child, _) => child.wait().await,
            Child::Elsewhere(child) => child.wait().await,
        }
    }

    /// After the end: fails when the process went with the one that its machine lived in.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        match &self.inner.child {
            Child::Here(..) => Ok(()),
            Child::Elsewhere(child) => child.check().await,
        }
    }

    /// Takes what was written and not read, after the end of the process.
    pub(crate) async fn collect(&self) -> (Captured, Captured) {
        self.finish_output().await;
        (self.inner.stdout.take(), self.inner.stderr.take())
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Process({}, exit code {:?})",
            self.pid(),
            self.exit_code()
        )
    }
}

/// What is to be run, in the contract's words.
fn what(target: Target) -> What {
    match target {
        Target::Command { program } => What::Command(program),
        Target::Code {
            code,
            module,
            filename,
        } => What::Code(Code {
            text: code,
            r#type: match module {
                ModuleType::Module => WireModule::Module,
                ModuleType::CommonJs => WireModule::Commonjs,
            }
            .into(),
            filename: filename.unwrap_or_default(),
        }),
    }
}

/// Node's arguments that run code that is given as text.
pub(crate) fn code_arguments(
    code: &str,
    module: ModuleType,
    filename: Option<&str>,
) -> Vec<Vec<u8>> {
    if let Some(filename) = filename {
        return named_code::arguments(code, module, filename);
    }
    let input_type = match module {
        ModuleType::Module => "--input-type=module",
        ModuleType::CommonJs => "--input-type=commonjs",
    };
    [input_type, "--eval", code, "--"]
        .map(|argument| argument.as_bytes().to_vec())
        .into()
}

/// The program and its argument vector.
fn command_line(settings: &Settings, returns: bool) -> (String, Vec<Vec<u8>>) {
    let mut argv: Vec<Vec<u8>> = Vec::new();
    let program = match &settings.target {
        Target::Command { program } => {
            argv.push(program.clone().into_bytes());
            program.clone()
        }
        Target::Code {
            code,
            module,
            filename,
        } => {
            argv.push(b"node".to_vec());
            if returns {
                argv.push(format!("--cenote-return-fd={RETURN_FD}").into_bytes());
            }
            argv.extend(code_arguments(code, *module, filename.as_deref()));
            "/usr/bin/node".to_owned()
        }
    };
    argv.extend(settings.args.iter().cloned());
    (program, argv)
}

/// The machine's variables with the call's over them, as `NAME=value`.
pub(crate) fn environment(machine: &Machine, over: &BTreeMap<String, String>) -> Vec<Vec<u8>> {
    let mut variables = machine.env().clone();
    variables.extend(
        over.iter()
            .filter(|(name, value)| machine.permit().env(name, value))
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    variables
        .into_iter()
        .map(|(name, value)| format!("{name}={value}").into_bytes())
        .collect()
}
