//! The kernel's runtime for programs of the embedder: [`HostCommandRuntime`].
//!
//! It stands in for names that guests start, and runs the files that stand for plain names in `/usr/local/bin`. Such a file says nothing but the
//! name: a copy of it under another name is still that program, to the policy too.

use std::collections::BTreeMap;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_base::policy::Request;
use cenote_base::{Pid, SysError, SysResult};
use cenote_kernel::{BoxFuture, Image, Kernel, NamedProgram, Program, Runtime};
use cenote_vfs::LookupContext;
use tokio::runtime::Handle;

use super::executor::{CommandAnswer, CommandExecutor, Compiled, HostCommand, PATIENCE};
use super::process::CommandProgram;
use super::streams::{CommandStreams, streams};
use crate::files::{make_directories, write};

/// How a file begins that stands for a program of the embedder; its name follows.
const MAGIC: &[u8] = b"\0cenote-host-command\n";
/// Where those files are.
const DIRECTORY: &[u8] = b"/usr/local/bin";

/// Runs programs of the embedder.
#[derive(Debug)]
pub(crate) struct HostCommandRuntime {
    commands: Vec<Compiled>,
    handle: Handle,
}

/// Writes the files of plain names.
///
/// # Errors
/// Those of making directories and writing: `ENOSPC`, `EROFS` …
pub(crate) fn write_files(cx: &LookupContext<'_>, runtime: &HostCommandRuntime) -> SysResult {
    let names = runtime.commands.iter().flat_map(Compiled::names);
    for name in names {
        make_directories(cx, DIRECTORY)?;
        let path = [DIRECTORY, b"/", name.as_bytes()].concat();
        let content = [MAGIC, name.as_bytes(), b"\n"].concat();
        write(cx, &path, &content, 0o755)?;
    }
    Ok(())
}

/// The program that a file stands for.
fn name_in(image: &Image) -> SysResult<Vec<u8>> {
    let mut content = [0; 512];
    let count = image.file.pread(&mut content, 0)?;
    let content = content.get(..count).unwrap_or_default();
    let line = content.strip_prefix(MAGIC).unwrap_or_default();
    let name = line.split(|byte| *byte == b'\n').next();
    Ok(name.unwrap_or_default().to_vec())
}

impl HostCommandRuntime {
    pub(crate) fn new(commands: Vec<Compiled>, handle: Handle) -> Self {
        Self { commands, handle }
    }

    fn executor_for(&self, path: &[u8], name: &[u8]) -> Option<&Arc<dyn CommandExecutor>> {
        let mut commands = self.commands.iter();
        let found = commands.find(|one| one.answers(path, name));
        found.map(Compiled::executor)
    }

    /// Asks the executor; `None`: the machine's own program is to run.
    async fn ask(
        &self,
        executor: &Arc<dyn CommandExecutor>,
        kernel: &Arc<Kernel>,
        pid: Pid,
        (argv, envp): (&[Vec<u8>], &[Vec<u8>]),
    ) -> SysResult<Option<Box<dyn Program>>> {
        let command = command(kernel, pid, argv, envp)?;
        tracing::debug!(target: "cenote::host_command", command = command.command, pid = command.pid, "asked");
        let (streams, side) = streams();
        let started = start(&self.handle, Arc::clone(executor), command, streams).await?;
        Ok(match started {
            CommandAnswer::Runs(running) => Some(Box::new(CommandProgram::new(
                running,
                side,
                self.handle.clone(),
            ))),
            CommandAnswer::InMachine => None,
        })
    }
}

fn command(
    kernel: &Kernel,
    pid: Pid,
    argv: &[Vec<u8>],
    envp: &[Vec<u8>],
) -> SysResult<HostCommand> {
    let process = kernel.process(pid).ok_or(Errno::ESRCH)?;
    let credentials = process.credentials();
    let mut env = BTreeMap::new();
    for variable in envp {
        let mut parts = variable.splitn(2, |byte| *byte == b'=');
        if let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            env.entry(name.to_vec()).or_insert_with(|| value.to_vec());
        }
    }
    let (name, args) = argv.split_first().ok_or(Errno::EINVAL)?;
    Ok(HostCommand {
        command: String::from_utf8(name.clone()).map_err(|_| Errno::ENOENT)?,
        args: args.to_vec(),
        env,
        cwd: process.working_directory(),
        user: (credentials.euid.raw(), credentials.egid.raw()),
        pid: pid.raw(),
    })
}

/// A task that ends with its owner.
struct Leashed<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Leashed<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts a command on our own threads: the guest's may be one without a reactor.
async fn start(
    handle: &Handle,
    executor: Arc<dyn CommandExecutor>,
    command: HostCommand,
    streams: CommandStreams,
) -> SysResult<CommandAnswer> {
    let asked = async move {
        let starting = executor.start(command, streams);
        tokio::time::timeout(PATIENCE, starting).await
    };
    let mut task = Leashed(handle.spawn(asked));
    match (&mut task.0).await {
        Ok(Ok(answer)) => answer.map_err(Into::into),
        Ok(Err(_late)) => Err(SysError::with_note(
            Errno::ETIMEDOUT,
            "the embedder did not start the program in time",
        )),
        Err(error) => {
            tracing::warn!(target: "cenote::host_command", %error, "the executor failed");
            Err(SysError::with_note(
                Errno::EIO,
                "the embedder's executor panicked",
            ))
        }
    }
}

impl Runtime for HostCommandRuntime {
    fn name(&self) -> &'static str {
        "host command"
    }

    fn recognises(&self, header: &[u8]) -> bool {
        header.starts_with(MAGIC)
    }

    fn load<'a>(&'a self, image: Image) -> BoxFuture<'a, SysResult<Box<dyn Program>>> {
        Box::pin(async move {
            let name = name_in(&image)?;
            let path = [DIRECTORY, b"/", name.as_slice()].concat();
            let mut own = self.commands.iter();
            let is_ours = own.any(|one| one.names().any(|own| own.as_bytes() == name));
            let executor = self.executor_for(&path, &name).filter(|_| is_ours);
            let executor = executor.ok_or_else(|| {
                SysError::with_note(Errno::ENOEXEC, "stands for a program nobody answers")
            })?;
            let was_named = image.path == path && image.argv.first() == Some(&name);
            let args = image.argv.iter().skip(1).cloned();
            let argv: Vec<Vec<u8>> = std::iter::once(name).chain(args).collect();
            if !was_named {
                // The policy was asked about another name, or told one that the guest made up.
                let process = image.kernel.process(image.pid).ok_or(Errno::ESRCH)?;
                image.kernel.permit(&Request::Execute {
                    path: &path,
                    found_as: &path,
                    argv: &argv,
                    envp: &image.envp,
                    cwd: &process.working_directory(),
                })?;
            }
            let strings = (argv.as_slice(), image.envp.as_slice());
            let program = self
                .ask(executor, &image.kernel, image.pid, strings)
                .await?;
            program.ok_or_else(|| Errno::ENOENT.into())
        })
    }

    fn stands_in(&self, name: &[u8], known_as: &[u8]) -> bool {
        self.executor_for(name, known_as).is_some()
    }

    fn load_named<'a>(
        &'a self,
        named: NamedProgram,
    ) -> BoxFuture<'a, SysResult<Option<Box<dyn Program>>>> {
        Box::pin(async move {
            let known_as = named.argv.first().map_or(&[][..], Vec::as_slice);
            let Some(executor) = self.executor_for(&named.name, known_as) else {
                return Ok(None);
            };
            let strings = (named.argv.as_slice(), named.envp.as_slice());
            self.ask(executor, &named.kernel, named.pid, strings).await
        })
    }
}
